import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { streamFile } from '#testkit/arrow/streams.ts';
import { formats } from '../../../scripts/fuzz/formats.ts';
import { fuzzOverHttp } from '../../../scripts/fuzz/over-http.ts';
import { metric, scrape, serve } from '#testkit/running-service.ts';

const arrowType = 'application/vnd.apache.arrow.stream';

test('in production, streams with lengths that lie are a 400, counted as abuse, and no pricing thread ends', async (t) => {
  const database = await setupDatabase(t);
  const service = await serve(t, {
    NODE_ENV: 'production',
    FAULT_INJECTION: undefined,
    DATABASE_URL: database.url,
    REDIS_URL: 'redis://127.0.0.1:1',
    PRICING_WORKERS: '1',
  });
  const send = async (name: string) =>
    fetch(`${service.url}/api/v1/pricing/batch`, {
      method: 'POST',
      headers: { 'Content-Type': arrowType },
      body: Uint8Array.from(streamFile(name)),
    });
  for (const name of ['arrow-wrong-length-1', 'arrow-wrong-length-2']) {
    const response = await send(name);
    t.is(response.status, 400);
    const problem = (await response.json()) as Record<string, unknown>;
    t.is(problem['code'], 'malformed_body');
    t.regex(String(problem['detail']), /an offset of its metadata points outside the message/);
  }
  const counts = await scrape(service);
  t.is(metric(counts, 'volwatch_abuse_refused_total', { kind: 'arrow_invalid' }), 2);
  const line = await service.logged(({ message }) => message === 'requests are refused as abuse');
  t.is(line['kind'], 'arrow_invalid');
  t.is((await send('utf8')).status, 200);

  const refused = await send('refused-zstd');
  t.is(refused.status, 422);
  t.like(await refused.json(), { code: 'validation_failed', errors: [{ code: 'unsupported', pointer: '/columns' }] });

  for (const format of formats) {
    const report = await fuzzOverHttp(format, { seed: 11, from: 0, count: 60 }, service.url);
    t.deepEqual(report.faults, [], format.name);
  }
  t.is(metric(await scrape(service), 'volwatch_workers_restarts_total'), 0);
  t.is(service.process.exitCode, null);
});
