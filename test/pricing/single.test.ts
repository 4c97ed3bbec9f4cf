import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Close } from '#src/pricing/forecast/closes.ts';
import { pricingModels } from '#src/pricing/models/models.ts';
import { optionOfModel } from '#testkit/pricing-reference/option-of-model.ts';
import { captureSpans } from '#testkit/spans.ts';
import { call, setup } from './setup.ts';

const american = { ...call, option_type: 'put', exercise_style: 'american' } as const;
const heston = { v0: 0.04, kappa: 1.5, theta: 0.06, sigma: 0.7, rho: -0.6 };
const { volatility: _, ...noVolatility } = call;

const refusal = async (work: Promise<unknown>): Promise<AppError> => {
  try {
    await work;
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('not refused');
};
const firstField = async (work: Promise<unknown>) => {
  const { code, errors } = await refusal(work);
  return { code, pointer: errors?.[0]?.pointer, field: errors?.[0]?.code };
};

test('an object with a toString of its own is refused in each member', async (t) => {
  const { service } = setup();
  const dated = { ...call, valuation_date: '2026-01-02', expiry: '2026-07-02', time_to_expiry: undefined };
  const { time_to_expiry: __, ...option } = {
    ...dated,
    day_count: 'ACT/365',
    dividends: [{ date: '2026-03-02', amount: 1 }],
  };
  const hostile: readonly unknown[] = [
    { toString: 1, valueOf: 1 },
    { toString: null, valueOf: null },
    [{ toString: 1 }],
    { length: -1, constructor: 1 },
  ];
  for (const value of hostile) {
    for (const name of Object.keys(option)) {
      const given = JSON.parse(JSON.stringify({ ...option, [name]: value })) as typeof option;
      const { code } = await refusal(service.price(given));
      t.is(code, 'validation_failed', `${name} ${JSON.stringify(value)}`);
    }
    for (const name of ['date', 'amount']) {
      const dividends = [{ ...option.dividends[0], [name]: value }];
      const { code } = await refusal(service.price({ ...option, dividends }));
      t.is(code, 'validation_failed', `dividends ${name} ${JSON.stringify(value)}`);
    }
  }
});

test.serial('implied volatility takes back a price, in a span and three metrics', async (t) => {
  const spans = captureSpans(t);
  const { service, metrics, options } = setup();
  const { price } = await service.price(call);
  const { computation_time_ms, implied_volatility, ...echo } = await service.impliedVolatility({
    ...noVolatility,
    price,
  });
  t.true(computation_time_ms >= 0);
  t.true(Math.abs(implied_volatility - 0.2) < 1e-14);
  t.deepEqual(echo, { ...noVolatility, price, model: 'black_scholes', exercise_style: 'european', dividend_yield: 0 });
  t.is(spans.named('pricing.implied_volatility')[0]?.attributes['pricing.model'], 'black_scholes');
  t.is(options({ operation: 'implied_volatility', model: 'black_scholes', outcome: 'ok' }), 1);
  t.is(metrics.value('volwatch_pricing_solver_iterations', { model: 'black_scholes' }), 1);
});

test('implied volatility of every model that has one comes back to the volatility of the price', async (t) => {
  const { service } = setup();
  const options = pricingModels
    .filter(({ outputs }) => outputs.includes('implied_volatility'))
    .map(({ name }) => optionOfModel[name]);
  const bodies = [
    ...options,
    { ...american, model: 'andersen_lake', precision: 'high' },
    { ...call, dividends: [{ time: 0.25, amount: 1.5 }] },
  ];
  for (const body of bodies) {
    const { volatility, ...rest } = body as { readonly volatility?: unknown };
    const { price } = await service.price(body);
    const { implied_volatility } = await service.impliedVolatility({ ...rest, price });
    t.true(Math.abs(implied_volatility / Number(volatility) - 1) < 1e-9, JSON.stringify(body));
  }
});

test('a price without a volatility is refused with its own code in the detail', async (t) => {
  const { service } = setup();
  const details: [price: number, code: string][] = [
    [1, 'price_below_intrinsic'],
    [-1, 'price_below_intrinsic'],
    [43, 'price_above_maximum'],
    [42 - 40 * Math.exp(-0.05), 'no_volatility_information'],
  ];
  for (const [price, code] of details) {
    const { code: of, message } = await refusal(service.impliedVolatility({ ...noVolatility, price }));
    t.is(of, 'pricing_calculation_failed');
    t.true(message.startsWith(`${code}: `), message);
  }
  const both = await firstField(service.impliedVolatility({ ...call, price: 4 }));
  t.deepEqual(both, { code: 'validation_failed', pointer: '/volatility', field: 'unknown_member' });
  t.like(await firstField(service.impliedVolatility(noVolatility)), { pointer: '/price', field: 'required' });
  const none = await firstField(service.impliedVolatility({ ...noVolatility, model: 'heston', heston, price: 4 }));
  t.deepEqual(none, { code: 'validation_failed', pointer: '/model', field: 'unsupported' });
});

test('a price that is refused before the search has no steps, also not those of the request before it', async (t) => {
  const { service, metrics } = setup();
  const searches = (): number => metrics.value('volwatch_pricing_solver_iterations');
  await service.impliedVolatility({ ...noVolatility, price: 4 });
  t.is(searches(), 1);
  const dividends = [{ time: 0.25, amount: 50 }];
  const { message } = await refusal(service.impliedVolatility({ ...noVolatility, dividends, price: 4 }));
  t.regex(message, /^dividends_exceed_spot: /);
  t.is(searches(), 1);
});

test('Hull, 9th ed., example 15.9: a European call with two dividends, by the escrowed model', async (t) => {
  const { service } = setup();
  const dividends = [
    { time: 2 / 12, amount: 0.5 },
    { time: 5 / 12, amount: 0.5 },
    { time: 0.75, amount: 30 },
  ];
  const hull = {
    spot: 40,
    strike: 40,
    time_to_expiry: 0.5,
    rate: 0.09,
    volatility: 0.3,
    option_type: 'call',
    dividends,
  };
  const answer = await service.price(hull);
  t.is(answer.price.toFixed(2), '3.67');
  t.like(answer, { dividend_model: 'escrowed', dividends });
  const tree = await service.price({ ...hull, model: 'binomial_lr', steps: 501 });
  t.true(Math.abs(tree.price - answer.price) < 1e-3);
  const early = await service.price({ ...hull, model: 'binomial_lr', steps: 501, exercise_style: 'american' });
  t.true(early.price >= tree.price);
  const { dividends: _dividends, ...plain } = hull;
  t.is((await service.price({ ...hull, dividends: [] })).price, (await service.price(plain)).price);
});

test('greeks with dividends are derivatives of that price, time passing for the dividends too', async (t) => {
  const { service } = setup();
  const at = { ...call, spot: 45, dividends: [{ time: 0.2, amount: 1.5 }] };
  const price = async (change: object): Promise<number> => (await service.price({ ...at, ...change })).price;
  const greeks = await service.greeks({ ...at, outputs: ['delta', 'theta', 'rho', 'gamma', 'charm'] });
  const h = 1e-4;
  const later = { time_to_expiry: 0.5 - h, dividends: [{ time: 0.2 - h, amount: 1.5 }] };
  const sooner = { time_to_expiry: 0.5 + h, dividends: [{ time: 0.2 + h, amount: 1.5 }] };
  const near = (actual: number | undefined, expected: number): boolean =>
    t.true(Math.abs(actual! / expected - 1) < 1e-6, `${actual} ${expected}`);
  near(greeks.delta, ((await price({ spot: 45 + h })) - (await price({ spot: 45 - h }))) / (2 * h));
  near(greeks.rho, ((await price({ rate: 0.1 + h })) - (await price({ rate: 0.1 - h }))) / (2 * h));
  near(greeks.theta, ((await price(later)) - (await price(sooner))) / (2 * h));
});

test('dividends are refused with a yield, at once or in the past, beyond the spot, and by other models', async (t) => {
  const { service } = setup();
  const dividends = [{ time: 0.2, amount: 1 }];
  const cases: [body: object, pointer: string, field: string][] = [
    [{ ...call, dividends, dividend_yield: 0.01 }, '/dividends', 'conflict'],
    [{ ...call, dividends: [{ time: 0, amount: 1 }] }, '/dividends/0/time', 'out_of_range'],
    [{ ...call, dividends: [{ time: 0.2 }] }, '/dividends/0/amount', 'required'],
    [{ ...call, dividends: [{ time: 0.2, amount: -1 }] }, '/dividends/0/amount', 'out_of_range'],
    [{ ...call, dividends: [{ time: 0.2, amount: 1, currency: 'USD' }] }, '/dividends/0/currency', 'unknown_member'],
    [{ ...call, dividends: [null] }, '/dividends/0', 'invalid_type'],
    [{ ...call, dividends: { time: 1, amount: 1 } }, '/dividends', 'invalid_type'],
    [{ ...call, dividends: Array.from({ length: 1001 }, () => dividends[0]) }, '/dividends', 'invalid_length'],
    [{ ...american, model: 'andersen_lake', dividends }, '/dividends', 'unknown_member'],
    [{ ...call, model: 'heston', heston, dividends }, '/dividends', 'unknown_member'],
  ];
  for (const [body, pointer, field] of cases) t.like(await firstField(service.price(body)), { pointer, field });
  const beyond = await refusal(service.price({ ...call, dividends: [{ time: 0.1, amount: 50 }] }));
  t.is(beyond.code, 'pricing_calculation_failed');
  t.true(beyond.message.startsWith('dividends_exceed_spot'));
});

test('inputs of one model are refused by the others, and out of their range', async (t) => {
  const { service } = setup();
  const cases: [body: object, pointer: string, field: string][] = [
    [{ ...american, model: 'andersen_lake', precision: 'extreme' }, '/precision', 'invalid_value'],
    [{ ...american, model: 'andersen_lake', steps: 101 }, '/steps', 'unknown_member'],
    [{ ...call, model: 'andersen_lake' }, '/exercise_style', 'unsupported'],
    [{ ...american, model: 'binomial_lr', steps: 10 }, '/steps', 'out_of_range'],
    [{ ...american, model: 'binomial_lr', steps: 10_002 }, '/steps', 'out_of_range'],
    [{ ...american, model: 'binomial_lr', steps: 50.5 }, '/steps', 'out_of_range'],
    [{ ...call, precision: 'fast' }, '/precision', 'unknown_member'],
    [{ ...call, heston }, '/heston', 'unknown_member'],
    [{ ...call, model: 'heston' }, '/heston', 'required'],
    [{ ...call, model: 'heston', heston: [] }, '/heston', 'invalid_type'],
    [{ ...call, model: 'heston', heston: { ...heston, rho: 1.1 } }, '/heston/rho', 'out_of_range'],
    [{ ...call, model: 'heston', heston: { ...heston, v0: '1' } }, '/heston/v0', 'invalid_type'],
    [{ ...call, model: 'heston', heston: { ...heston, lambda: 1 } }, '/heston/lambda', 'unknown_member'],
  ];
  for (const [body, pointer, field] of cases) {
    t.like(await firstField(service.price(body)), { pointer, field }, JSON.stringify(body));
  }
  const ultima = await firstField(service.greeks({ ...american, model: 'baw', outputs: ['delta', 'ultima'] }));
  t.deepEqual(ultima, { code: 'validation_failed', pointer: '/outputs', field: 'unsupported' });
  const twoBoundaries = { ...american, rate: -0.01, dividend_yield: -0.03 };
  const two = await refusal(service.price({ ...twoBoundaries, model: 'baw' }));
  t.true(two.message.startsWith('double_boundary: '));
  t.true((await service.price({ ...twoBoundaries, model: 'andersen_lake' })).price > 0);
  const meeting = { ...twoBoundaries, model: 'andersen_lake', volatility: 0.5, time_to_expiry: 20 };
  const refused = await refusal(service.price(meeting));
  t.is(refused.code, 'pricing_calculation_failed');
  t.true(refused.message.startsWith('not_converged: '));
});

test('Heston echoes its parameters; its greeks are those documented', async (t) => {
  const { service } = setup();
  const answer = await service.greeks({ ...noVolatility, model: 'heston', heston });
  t.like(answer, { heston, model: 'heston' });
  t.true(['delta', 'gamma', 'vega', 'theta', 'rho', 'dividend_rho'].every((name) => name in answer));
  t.is((await service.price({ ...call, model: 'heston', heston })).price, answer.price);
});

test('an integral that does not converge is said and counted', async (t) => {
  const { service, metrics } = setup();
  const wild = { v0: 0.001, kappa: 0.05, theta: 0.001, sigma: 2, rho: 0.98 };
  const market = { spot: 100, strike: 159.8, time_to_expiry: 8, rate: -0.05, dividend_yield: 0.1, option_type: 'call' };
  const { code, message } = await refusal(service.price({ ...market, model: 'heston', heston: wild }));
  t.is(code, 'pricing_calculation_failed');
  t.true(message.startsWith('not_converged: '));
  t.is(metrics.value('volwatch_pricing_not_converged_total', { model: 'heston' }), 1);
  const row = { ...market, model: 'heston', heston: wild };
  t.like(await service.batch({ options: [row, call, row] }), { succeeded: 1, failed: 2 });
  t.is(metrics.value('volwatch_pricing_not_converged_total', { model: 'heston' }), 3);
  t.like(await service.batch({ columns: { ...market, ...wild }, model: 'heston' }), { succeeded: 0, failed: 1 });
  t.is(metrics.value('volwatch_pricing_not_converged_total', { model: 'heston' }), 4);
});

const daily = (closes: readonly number[]): Close[] =>
  closes.map((close, k) => ({ date: new Date(Date.UTC(2024, 0, 1 + k)).toISOString().slice(0, 10), close }));

test('a symbol gives the last close and the realised volatility, and says so', async (t) => {
  const asked: unknown[] = [];
  const stored: Record<string, Close[]> = { ACME: daily([100, 110, 100, 110, 105]), NEW: daily([100]) };
  const { service } = setup({
    closes: async (symbol, days) => {
      asked.push([symbol, days]);
      return stored[symbol];
    },
  });
  const { spot: _spot, ...bare } = noVolatility;
  const both = await service.price({ ...bare, symbol: 'ACME' });
  const returns = [110 / 100, 100 / 110, 110 / 100, 105 / 110].map(Math.log);
  const mean = returns.reduce((a, b) => a + b) / 4;
  const expected = Math.sqrt((returns.reduce((sum, r) => sum + (r - mean) ** 2, 0) / 3) * 365.25);
  t.like(both, { spot: 105 });
  t.true(Math.abs(both.volatility! / expected - 1) < 1e-12);
  t.deepEqual(both.inputs_from, {
    symbol: 'ACME',
    as_of: '2024-01-05',
    spot: 'last_close',
    volatility: 'realised_volatility',
  });
  t.deepEqual((await service.greeks({ ...bare, spot: 42, symbol: 'ACME' })).inputs_from, {
    symbol: 'ACME',
    as_of: '2024-01-05',
    volatility: 'realised_volatility',
  });
  t.like(await service.impliedVolatility({ ...bare, price: 70, symbol: 'ACME' }), { spot: 105 });
  t.is(asked.length, 3);
  const { inputs_from: from } = await service.price({ ...bare, symbol: 'ACME', model: 'heston', heston });
  t.deepEqual(from, { symbol: 'ACME', as_of: '2024-01-05', spot: 'last_close' });
  t.false('inputs_from' in (await service.price({ ...call, symbol: 'ACME' })));
  t.is(asked.length, 4, 'nothing is looked up that is not needed');
  t.like(await firstField(service.price({ ...bare, symbol: 'NOPE' })), {
    code: 'validation_failed',
    pointer: '/symbol',
  });
  t.like(await firstField(service.price({ ...bare, symbol: 'NEW' })), { pointer: '/symbol' });
});

test('an unknown symbol is refused with the nearest known one', async (t) => {
  const unknown = setup({ closes: async () => undefined, nearestAsset: async () => 'AAPL' });
  t.teardown(unknown.workers.close);
  const { spot: _, ...row } = { ...call, symbol: 'APPL' };
  const message = 'There is no asset "APPL"; did you mean AAPL?';
  await t.throwsAsync(unknown.service.price(row), {
    code: 'validation_failed',
    message: 'symbol "APPL" is unknown; did you mean AAPL?',
  });
  const inputs = { symbol: 'APPL', method: 'ewma', horizon: 5 } as const;
  await t.throwsAsync(unknown.forecaster.forecast(inputs), { code: 'resource_not_found', message });
});
