import test from 'ava';
import { workerMs } from '#src/pricing/batch/batch.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { prepareBatch } from '#src/pricing/batch/prepare-batch.ts';
import { createOutputs, evaluate, wantedOf } from '#src/pricing/request/calculate.ts';
import { checkWork, estimateOf } from '#src/pricing/models/cost.ts';
import { modelNames } from '#src/kernel/catalogue/pricing-models.ts';
import { createEngineFactory } from '#src/pricing/models/engine-factory.ts';
import type { Option } from '#src/pricing/models/engine.ts';
import type { OutputName } from '#src/pricing/models/outputs.ts';
import { readOption } from '#src/pricing/request/read-option.ts';
import { threadMs } from '#testkit/measures/thread-time.ts';
import { optionOfModel } from '#testkit/pricing-reference/option-of-model.ts';
import { call } from './setup.ts';

const engines = createEngineFactory();
const american = { ...call, exercise_style: 'american' };
const dividends = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ time: ((index + 1) / count) * 0.5, amount: 0.001 }));

const gridPut = {
  ...american,
  model: 'finite_difference',
  option_type: 'put',
  spot: 100,
  strike: 100,
  rate: 0.05,
  dividends: [{ time: 0.25, amount: 2 }],
};

/** A put that is exercised between two boundaries. */
const negative = {
  ...american,
  model: 'andersen_lake',
  option_type: 'put',
  spot: 100,
  strike: 100,
  time_to_expiry: 1,
  rate: -0.01,
  dividend_yield: -0.02,
};

/** An ordinary option of each model, and the most expensive inputs of the models whose cost depends on them. */
const rows: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  ...optionOfModel,
  'binomial_lr, 10,001 steps': { ...american, model: 'binomial_lr', steps: 10_001 },
  'binomial_lr, 1,000 dividends': { ...american, model: 'binomial_lr', steps: 501, dividends: dividends(1_000) },
  'binomial_lr without volatility, 1,000 dividends': {
    ...american,
    model: 'binomial_lr',
    volatility: 0,
    steps: 11,
    dividends: dividends(1_000),
  },
  'andersen_lake, high': { ...american, model: 'andersen_lake', option_type: 'put', precision: 'high' },
  'andersen_lake, two boundaries': { ...negative },
  'andersen_lake, two boundaries of a call': { ...negative, option_type: 'call', rate: -0.02, dividend_yield: -0.01 },
  'andersen_lake, two boundaries, hardly a volatility': { ...negative, volatility: 2e-5 },
  'andersen_lake, two boundaries, far from any market': { ...negative, volatility: 22, time_to_expiry: 0.1 },
  'andersen_lake, nearly two boundaries': { ...negative, dividend_yield: -0.01 },
  'andersen_lake, nearly two boundaries, hardly a volatility': { ...negative, dividend_yield: -0.01, volatility: 2e-5 },
  'andersen_lake, negative rates without a boundary': { ...negative, dividend_yield: -0.005 },
  'andersen_lake, far from any market': {
    ...american,
    model: 'andersen_lake',
    option_type: 'put',
    rate: 0.5,
    volatility: 2,
    time_to_expiry: 50,
  },
  'finite_difference, 1,000 dividends': { ...american, model: 'finite_difference', dividends: dividends(1_000) },
  'finite_difference, a wide grid': { ...american, model: 'finite_difference', volatility: 1, time_to_expiry: 9 },
  'finite_difference, much interest': { ...gridPut, time_to_expiry: 3, rate: 0.08, volatility: 0.03 },
  'finite_difference, more interest': { ...gridPut, time_to_expiry: 5, rate: 0.1, volatility: 0.01 },
  'finite_difference, without volatility': { ...gridPut, volatility: 0 },
  'finite_difference, hardly a volatility': { ...gridPut, volatility: 1e-9 },
  'finite_difference, much interest, 1,000 dividends': { ...gridPut, volatility: 0.01, dividends: dividends(1_000) },
  'finite_difference without volatility, 1,000 dividends': { ...gridPut, volatility: 0, dividends: dividends(1_000) },
  'black_scholes, 1,000 dividends': { ...call, model: 'black_scholes', dividends: dividends(1_000) },
  'heston, extreme': { ...call, model: 'heston', heston: { v0: 1, kappa: 1e-3, theta: 1, sigma: 5, rho: -0.99 } },
};
/**
 * The stall detection allows five times the estimate, because a busy machine needs longer. With coverage V8 counts each
 * pass of a loop, and a tree takes about twenty times as long.
 */
const tolerance = process.env['NODE_V8_COVERAGE'] === undefined ? 5 : 100;
const allowedMs = (estimated: number): number => 2 + tolerance * estimated;

const millisecondsOf = (row: Readonly<Record<string, unknown>>, outputs: readonly OutputName[]) => {
  const model = engines.model(String(row['model']));
  const wanted = wantedOf(outputs);
  const option = readOption(row, model, '', wanted) as Option;
  const buffer = createOutputs();
  const engine = engines.engine(model);
  const estimated = estimateOf([row], wanted).maxRowMs;
  // The fastest of several, because the first runs are interpreted and a busy machine compiles late.
  let measured = Infinity;
  for (let run = 0; run < 3 || (run < 30 && measured > allowedMs(estimated)); run += 1) {
    const began = threadMs();
    evaluate(engine, option, wanted, buffer);
    measured = Math.min(measured, threadMs() - began);
  }
  return { measured, estimated };
};

for (const [name, row] of Object.entries(rows)) {
  test.serial(`${name}: a price takes no more than its estimate allows`, (t) => {
    const { measured, estimated } = millisecondsOf(row, ['price']);
    t.log(`${measured.toFixed(2)} ms, estimated ${estimated.toFixed(2)} ms`);
    t.true(measured <= allowedMs(estimated), `${measured} ms, estimated ${estimated} ms`);
  });
}

for (const [name, row] of Object.entries(rows)) {
  if (!['finite_difference', 'andersen_lake'].includes(String(row['model']))) continue;
  test.serial(`${name}: greeks take no more than their estimate allows, and are not on the event loop`, (t) => {
    const { measured, estimated } = millisecondsOf(row, ['delta', 'volga']);
    t.log(`${measured.toFixed(2)} ms, estimated ${estimated.toFixed(2)} ms`);
    t.true(measured <= allowedMs(estimated), `${measured} ms, estimated ${estimated} ms`);
    t.true(estimated > workerMs, `estimated ${estimated} ms`);
  });
}

test.serial('greeks of a tree take no more than their estimate allows', (t) => {
  const { measured, estimated } = millisecondsOf({ ...rows['binomial_lr, 10,001 steps'], steps: 2_001 }, ['delta']);
  t.log(`${measured.toFixed(0)} ms, estimated ${estimated.toFixed(0)} ms`);
  t.true(measured <= tolerance * estimated);
  t.true(measured >= estimated / 10, 'the estimate is at most ten times the measured time');
});

test('greeks of two boundaries next to no volatility are long work, and below the limit of one row', (t) => {
  const estimate = estimateOf([{ ...negative, volatility: 1e-12 }], wantedOf(['delta']));
  t.true(estimate.totalMs >= 2_000);
  t.notThrows(() => checkWork(estimate, 30_000));
});

test('without a type an option costs as much as that of a call or a put', (t) => {
  const cost = (type?: string) => estimateOf([{ ...negative, option_type: type }], wantedOf(['price'])).totalMs;
  t.true(cost('put') >= 500);
  t.true(cost('call') < 1);
  t.is(cost(), cost('put'));
});

test('options with two boundaries in columns have the estimate of those in rows', async (t) => {
  const row = { ...negative, volatility: 0.2 };
  const columns = Object.fromEntries(Object.entries(row).map(([name, value]) => [name, [value, value]]));
  const request = { input: 'json', answer: ['json'], jsonDepth: 20 } as const;
  const estimates = [];
  for (const body of [{ options: [row, row] }, { columns }]) {
    const batch = await prepareBatch({ ...request, bytes: Buffer.from(JSON.stringify(body)) }, engines);
    estimates.push(Math.round(batch.estimate().totalMs));
  }
  t.true(estimates[0]! >= 1_000);
  t.is(estimates[0], estimates[1]);
});

test('every name of the list has a model and a cost; any other name is refused, never priced', (t) => {
  t.deepEqual(
    engines.models.map(({ name }) => name),
    [...modelNames],
  );
  for (const name of modelNames) {
    const { model, totalMs } = estimateOf([{ model: name }], wantedOf(['price']));
    t.is(model, name);
    t.true(totalMs > 0, name);
  }
  for (const name of ['no model', 'constructor', '__proto__']) {
    t.is(estimateOf([{ model: name }], wantedOf(['price'])).model, 'unknown');
    t.throws(() => engines.model(name), { code: 'pricing_model_unknown' });
  }
});

test('an unknown precision is a fault of its row, and the estimate of a batch stays a number', (t) => {
  for (const precision of ['exact', 'constructor', '__proto__', 7]) {
    const row: Readonly<Record<string, unknown>> = { model: 'andersen_lake', precision };
    const { totalMs } = estimateOf([row], wantedOf(['price']));
    t.true(Number.isFinite(totalMs), String(precision));
    t.notThrows(() => checkWork({ totalMs, maxRowMs: totalMs, model: 'andersen_lake' }, 1));
  }
});

test('work above the maximum is refused with its kind, and the sentence says what helps', (t) => {
  const estimate = { totalMs: 31_000, maxRowMs: 1, model: 'baw' } as const;
  const error = t.throws(() => checkWork(estimate, 30_000), { instanceOf: AppError });
  t.like(error, { code: 'pricing_work_too_large', abuse: 'work_estimate' });
  t.regex(error.message, /31\.0 s.*30\.0 s.*fewer rows.*pricing job/);
  t.notThrows(() => checkWork(estimate, 31_000));
});
