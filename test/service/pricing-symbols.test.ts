import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { call, json, metric, option, scrape, serve, takeToken } from '#testkit/running-service.ts';

test('stored closes reach prices, forecasts and metrics of the running service', async (t) => {
  const database = await setupDatabase(t);
  const service = await serve(t, { DATABASE_URL: database.url });
  await service.logged(({ message }) => message === 'started', 60_000);
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    call(`${service.url}/api/v1${path}`, json(body, headers));

  const { spot: _spot, volatility, ...bare } = option;
  const priced = await post('/pricing/price', { ...bare, strike: 2800, symbol: '^GSPC' });
  t.is(priced.status, 200);
  t.like(priced.body, {
    spot: 2874.560059,
    inputs_from: { symbol: '^GSPC', as_of: '2020-04-17', spot: 'last_close', volatility: 'realised_volatility' },
  });
  t.true(Number(priced.body['volatility']) > 0.2 && Number(priced.body['volatility']) < 0.5);
  t.regex(priced.headers.get('server-timing') ?? '', /db;dur=/);
  const unknown = await post('/pricing/price', { ...bare, symbol: 'NOPE' });
  t.is(unknown.status, 422);
  t.like(unknown.body, { code: 'validation_failed', errors: [{ pointer: '/symbol' }] });

  const implied = await post('/pricing/implied-volatility', { ...bare, spot: 100, price: 4.1817 });
  t.is(implied.status, 200);
  t.true(Math.abs(Number(implied.body['implied_volatility']) - volatility) < 1e-3);
  const exposition = await scrape(service);
  t.is(metric(exposition, 'volwatch_pricing_solver_iterations_count', { model: 'black_scholes' }), 1);

  const asked = { symbol: '^GSPC', method: 'garch11', horizon_days: 21 };
  t.is((await post('/ml/volatility-forecast', asked)).status, 401);
  const authorized = { Authorization: `Bearer ${await takeToken(service)}` };
  const forecast = await post('/ml/volatility-forecast', asked, authorized);
  t.is(forecast.status, 200);
  t.like(forecast.body, { ...asked, as_of: '2020-04-17', observations: 5104 });
  t.is((await post('/ml/volatility-forecast', { ...asked, symbol: 'NOPE' }, authorized)).status, 404);
});
