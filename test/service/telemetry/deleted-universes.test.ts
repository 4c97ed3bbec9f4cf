import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, json, scrape, serve, takeToken } from '#testkit/running-service.ts';

const definition = {
  source: 'upload',
  interval: '1day',
  assets: [{ symbol: 'GONE' }],
  indexes: [{ code: 'GONE_EW', name: 'Gone', method: 'equal_weighted', constituents: [{ symbol: 'GONE' }] }],
};

test('a deleted universe leaves no series in any process', async (t) => {
  const { url } = await setupDatabase(t);
  const services = [await serve(t, { DATABASE_URL: url }), await serve(t, { DATABASE_URL: url })] as const;
  for (const service of services) await service.ready();
  const token = { Authorization: `Bearer ${await takeToken(services[0])}` };
  const path = '/api/v1/universes/gone';
  const made = await call(`${services[0].url}${path}`, {
    ...json(definition, { ...token, 'If-None-Match': '*' }),
    method: 'PUT',
  });
  t.is(made.status, 201, made.text);
  for (const service of services) {
    const { status, text } = await call(`${service.url}${path}/prices`, {
      method: 'POST',
      headers: { ...token, 'Content-Type': 'text/csv', Prefer: 'wait=20' },
      body: 'symbol,date,close\nGONE,2024-01-02,100\nGONE,2024-01-03,101\n',
    });
    t.is(status, 200, text);
    t.regex(await scrape(service), /universe="gone"/, 'the process has series of it');
  }
  // The refresh that follows the creation can still run.
  await eventually(async () => {
    const { status } = await call(`${services[0].url}${path}`, {
      method: 'DELETE',
      headers: { ...token, 'If-Match': '*' },
    });
    return status === 204;
  }, 'the universe is deleted');
  for (const service of services) {
    const series = await scrape(service);
    t.notRegex(series, /universe="gone"/);
    t.regex(series, /universe="tech5"/, 'the others stay');
  }
});
