import test from 'ava';
import { tableFromIPC } from 'apache-arrow';
import { greekNames } from '#src/pricing/models/outputs.ts';
import { optionOfModel } from '#testkit/pricing-reference/option-of-model.ts';
import { arrowStream, columnsOf } from '#testkit/arrow/arrow-support.ts';
import { call, setup } from '../setup.ts';

const { service, workers } = setup({ workers: { queueLimit: 100 } });
test.after.always(() => workers.close());

const isClose = (value: unknown, expected: number): boolean =>
  typeof value === 'number' && Math.abs(value - expected) <= 1e-12 * Math.abs(expected);

test('market units are per 1 % and per day, beside the default', async (t) => {
  const outputs = [...greekNames];
  const plain = await service.greeks({ ...call, outputs });
  const market = await service.greeks({ ...call, outputs, units: 'market' });
  t.is(market.price, plain.price);
  t.is(market.units, 'market');
  t.false('units' in plain);
  const factors: Readonly<Record<string, number>> = {
    delta: 1,
    gamma: 1,
    speed: 1,
    dual_delta: 1,
    dual_gamma: 1,
    vega: 1e-2,
    vanna: 1e-2,
    zomma: 1e-2,
    volga: 1e-4,
    ultima: 1e-6,
    rho: 1e-2,
    dividend_rho: 1e-2,
    theta: 1 / 365,
    charm: 1 / 365,
    color: 1 / 365,
    veta: 1e-2 / 365,
  };
  for (const name of greekNames) t.true(isClose(market[name], plain[name]! * factors[name]!), name);
});

test('a greek in market units is the change of the price that it is quoted for', async (t) => {
  const { vega, rho, theta } = await service.greeks({ ...call, units: 'market' });
  const priceOf = async (change: object): Promise<number> => (await service.price({ ...call, ...change })).price;
  const half = (await priceOf({ volatility: 0.205 })) - (await priceOf({ volatility: 0.195 }));
  t.true(Math.abs(half - vega!) < 1e-4);
  t.true(Math.abs((await priceOf({ rate: 0.105 })) - (await priceOf({ rate: 0.095 })) - rho!) < 1e-4);
  const halfDay = 0.5 / 365;
  const day = (await priceOf({ time_to_expiry: 0.5 - halfDay })) - (await priceOf({ time_to_expiry: 0.5 + halfDay }));
  t.true(Math.abs(day - theta!) < 1e-6);
});

test('rows, columns, Arrow and a slow option have the same market units', async (t) => {
  const outputs = ['price', 'vega', 'theta', 'rho'] as const;
  const { vega, theta, rho } = await service.greeks({ ...call, units: 'market' });
  const rows = await service.batch({ options: [call], outputs, units: 'market' });
  t.like(rows, { units: 'market' });
  t.like(rows.results[0], { vega, theta, rho });
  const columns = await service.batch({ columns: { ...call, strike: [40, 40] }, outputs, units: 'market' });
  t.like(columns, { units: 'market', columns: { vega: [vega, vega], theta: [theta, theta], rho: [rho, rho] } });
  const bytes = arrowStream(columnsOf([call]), {
    outputs: outputs.join(','),
    metadata: { 'volwatch.units': 'market' },
  });
  const answer = tableFromIPC(await service.send({ bytes, input: 'arrow', answer: ['arrow'] }));
  t.is(answer.schema.metadata.get('volwatch.units'), 'market');
  t.like(answer.get(0)?.toJSON(), { vega, theta, rho });
  const tree = { ...call, exercise_style: 'american', steps: 1_001 };
  const slow = await service.greeks({ ...tree, units: 'market' });
  t.true(isClose(slow.vega, (await service.greeks(tree)).vega! / 100));
});

test('the absolute volatility of bachelier has no percent', async (t) => {
  const plain = await service.greeks(optionOfModel.bachelier);
  const market = await service.greeks({ ...optionOfModel.bachelier, units: 'market' });
  t.is(market.vega, plain.vega);
  t.true(isClose(market.rho, plain.rho! / 100));
});

test('unknown units are refused in every format', async (t) => {
  const refused = { code: 'validation_failed' } as const;
  await t.throwsAsync(service.greeks({ ...call, units: 'trader' }), refused);
  await t.throwsAsync(service.price({ ...call, units: 'market' }), refused);
  await t.throwsAsync(service.batch({ options: [call], units: 'trader' }), refused);
  await t.throwsAsync(service.batch({ columns: call, units: 1 }), refused);
  const bytes = arrowStream(columnsOf([call]), { metadata: { 'volwatch.units': 'trader' } });
  await t.throwsAsync(service.send({ bytes, input: 'arrow' }), refused);
});
