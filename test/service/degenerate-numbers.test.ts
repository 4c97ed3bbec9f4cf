import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, json, option, takeToken } from '#testkit/running-service.ts';
import { serveProduction } from './attacks/production.ts';

test('in production, closes that do not vary and numbers that are not finite give an error, never null', async (t) => {
  const database = await setupDatabase(t);
  const service = await serveProduction(t, database);
  await eventually(
    async () => (await database.query(`select 1 from refresh where status = 'succeeded'`)).length === 2,
    'the sample data are loaded',
  );
  const api = `${service.url}/api/v1`;
  const authorized = { Authorization: `Bearer ${await takeToken(service)}` };
  const forecast = (method: string) =>
    call(`${api}/ml/volatility-forecast`, json({ symbol: '^GSPC', method, horizon_days: 5 }, authorized));
  const { spot: _spot, volatility: _volatility, ...bare } = option;
  const prices = (operation: string, given: object = {}) =>
    call(`${api}/pricing/${operation}`, json({ ...bare, ...given, symbol: '^GSPC' }));
  const gspc = `asset_id = (select id from asset where symbol = '^GSPC')`;

  await database.query(`update price set open = 100, high = 100, low = 100, close = 100 where ${gspc}`);
  for (const method of ['ewma', 'garch11']) {
    const { status, body } = await forecast(method);
    t.like({ status, ...body }, { status: 422, code: 'pricing_calculation_failed' });
    t.regex(String(body['detail']), /do not vary/);
  }
  for (const operation of ['price', 'greeks']) {
    const { body } = await prices(operation);
    t.like(body, { status: 422, code: 'validation_failed', errors: [{ pointer: '/symbol' }] });
    t.like(await prices(operation, { volatility: 0.2 }), { status: 200 });
  }

  const newest = `date = (select max(date) from price where ${gspc})`;
  for (const value of ['NaN', 'Infinity']) {
    await database.query(`update price set close = '${value}' where ${gspc} and ${newest}`);
    await database.query(`update index_value set value = '${value}' where date = '2020-04-17'`);
    for (const method of ['ewma', 'garch11']) t.is((await forecast(method)).status, 422);
    for (const operation of ['price', 'greeks']) {
      t.is((await prices(operation)).status, 422, `${operation} ${value}`);
      t.is((await prices(operation, { volatility: 0.2 })).status, 422, `${operation} with a volatility, ${value}`);
    }
    for (const path of ['/assets/%5EGSPC/prices', '/indexes/SP500/values']) {
      // The query makes it a page that no cache has.
      const { status, body, text } = await call(`${api}${path}?from=2020-04-1${value === 'NaN' ? 5 : 6}`);
      t.like(
        { status, ...body },
        { status: 500, code: 'internal_error', detail: 'An unexpected error occurred' },
        text,
      );
    }
  }
});
