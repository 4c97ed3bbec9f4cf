import test from 'ava';
import { needsProcess } from '#src/pricing/batch/batch.ts';
import { estimateOf } from '#src/pricing/models/cost.ts';
import { createEngineFactory } from '#src/pricing/models/engine-factory.ts';
import type { Option } from '#src/pricing/models/engine.ts';
import type { Model } from '#src/pricing/models/models.ts';
import { SlowCalculation } from '#src/pricing/models/slow-calculation.ts';
import type { OutputName } from '#src/pricing/models/outputs.ts';
import { createOutputs, evaluate, wantedOf, type Wanted } from '#src/pricing/request/calculate.ts';
import { readOption } from '#src/pricing/request/read-option.ts';
import { deepCall } from '#testkit/american/deep-call.ts';
import { hiddenPanels, hiddenSum, nearlyNoRate } from '#testkit/american/hidden-costs.ts';
import { optionOfModel } from '#testkit/pricing-reference/option-of-model.ts';

const engines = createEngineFactory({ site: 'event_loop' });
const tolerance = process.env['NODE_V8_COVERAGE'] === undefined ? 1 : 20;
/** An option with a low estimate is priced on the event loop of the service, so it must never take longer. */
const maxMs = 50;
const optionsOfEach = 250;

/** Random numbers from a seed, uniform between 0 and 1. */
const seeded = (seed: number): (() => number) => {
  let state = seed;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
};
const random = seeded(20261126);
const oneOf = <T>(...values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
const positive = (): number => oneOf(1e-12, 1e12, 100, 100 * (1 + 1e-9 * random()), 10 ** (-12 + 24 * random()));
const rate = (): number => oneOf(-1, 10, 0, -random(), random(), 1e-300, -1e-12);

/** Values at the borders of what is accepted, beside ordinary ones. */
const extremes: Readonly<Record<string, () => unknown>> = {
  spot: positive,
  forward: positive,
  strike: positive,
  barrier: positive,
  time_to_expiry: () => oneOf(0, 200, 5e-324, 1e-300, 1e-9, 10 ** (-14 * random()), random(), 200 * random()),
  rate,
  dividend_yield: rate,
  volatility: () => oneOf(0, 100, 5e-324, 1e-300, 1e-60, 10 ** (-12 * random()), random(), 100 * random()),
  option_type: () => oneOf('call', 'put'),
  barrier_type: () => oneOf('down_in', 'down_out', 'up_in', 'up_out'),
  cash: () => oneOf(1e-12, 1, 1e12),
  heston: () => ({
    v0: oneOf(0, 1e4, 4, 1e-300, random()),
    kappa: oneOf(0, 1e4, 999, 1e-12, random()),
    theta: oneOf(0, 1e4, 4, 1e-300, random()),
    sigma: oneOf(0, 1e4, 3, 1e-300, 1e-6, random()),
    rho: oneOf(-1, 1, 0, 2 * random() - 1),
  }),
};

/** Prices near those that no volatility gives. */
const marketPrice = ({ spot, forward = spot, strike }: Readonly<Record<string, unknown>>): number => {
  const [level, exercise] = [Number(forward), Number(strike)];
  const payoff = Math.abs(level - exercise);
  return oneOf(
    1e-12,
    1e12,
    level,
    exercise,
    payoff,
    payoff * (1 + 0.1 * random()),
    exercise * random(),
    level * random(),
  );
};

const processorMs = (work: () => unknown): number => {
  const began = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1_000;
};

/** @returns false if the engine leaves the calculation to a pricing process */
const endsHere = (model: Model, option: Option, wanted: Wanted): boolean => {
  try {
    evaluate(engines.engine(model), option, wanted, createOutputs());
    return true;
  } catch (error) {
    if (!(error instanceof SlowCalculation)) throw error;
    return false;
  }
};

/** Prices random options that the service prices itself. @returns their number, and the slow ones */
const priceHere = (name: string, usual: Readonly<Record<string, unknown>>, isInverted: boolean) => {
  const model = engines.model(name);
  const greeks = model.outputs.filter((output) => output !== 'implied_volatility');
  const slow: string[] = [];
  let priced = 0;
  for (let each = 0; each < optionsOfEach; each += 1) {
    const row: Record<string, unknown> = { ...usual };
    for (const member of [...Object.keys(usual), 'dividend_yield'])
      if (extremes[member] && random() < 0.8) row[member] = extremes[member]();
    // At the money, where the errors of rounding are largest.
    if (random() < 0.2) Object.assign(row, { strike: row['spot'] ?? row['forward'], dividend_yield: row['rate'] });
    const outputs: readonly OutputName[] = isInverted
      ? ['price', 'implied_volatility']
      : oneOf<readonly OutputName[]>(['price'], greeks);
    if (isInverted) {
      delete row['volatility'];
      row['price'] = marketPrice(row);
    }
    const wanted = wantedOf(outputs);
    if (needsProcess(estimateOf([row], wanted))) continue;
    const option = readOption(row, model, '', wanted);
    if (Array.isArray(option)) continue;
    priced += 1;
    const run = (): number => processorMs(() => endsHere(model, option, wanted));
    // A second run shows whether the compiler or the collector took the time of the first.
    const took = run();
    if (took > maxMs * tolerance && run() > maxMs * tolerance)
      slow.push(`${took.toFixed(0)} ms for ${outputs.join()} of ${JSON.stringify(row)}`);
  }
  return { priced, slow };
};

for (const [name, usual] of Object.entries(optionOfModel)) {
  test.serial(`${name}: an option at the borders of its inputs ends soon, or its estimate is high`, (t) => {
    const { priced, slow } = priceHere(name, usual, false);
    t.log(`${priced} options were priced on the event loop`);
    t.deepEqual(slow, []);
    if (name !== 'binomial_lr') t.true(priced > 0);
  });
}

const searched = Object.entries(optionOfModel).filter(([name]) =>
  engines.model(name).outputs.includes('implied_volatility'),
);
for (const [name, usual] of searched) {
  test.serial(`${name}: a search for the volatility of any price ends soon, or a pricing process does it`, (t) => {
    const { priced, slow } = priceHere(name, usual, true);
    t.log(`${priced} searches were made on the event loop`);
    t.deepEqual(slow, []);
    t.true(priced > 0 || ['andersen_lake', 'finite_difference'].includes(name));
  });
}

test('an American call deep in the money is priced in a pricing process, where no fixed scheme reaches its bound', (t) => {
  const estimate = estimateOf([deepCall], wantedOf(['price']));
  t.true(needsProcess(estimate), JSON.stringify(estimate));
  t.false(needsProcess(estimateOf([{ ...deepCall, strike: 1.1, rate: 0.02 }], wantedOf(['price']))));
});

test('the engine of the event loop begins no calculation on panels, however low the estimate is', (t) => {
  const model = engines.model('andersen_lake');
  t.true(needsProcess(estimateOf([nearlyNoRate], wantedOf(['price']))), 'a rate that is nearly 0 has a high estimate');
  t.false(needsProcess(estimateOf([hiddenPanels], wantedOf(['price']))), 'no estimate knows every option');
  for (const row of [nearlyNoRate, hiddenPanels, deepCall]) {
    for (const outputs of [['price'], ['delta'], ['volga']] as const) {
      const wanted = wantedOf(outputs);
      const option = readOption(row, model, '', wanted);
      t.false(Array.isArray(option));
      t.false(endsHere(model, option as Option, wanted), `${outputs.join()} of ${JSON.stringify(row)}`);
    }
  }
  const usual = readOption({ ...deepCall, strike: 1.1, rate: 0.02 }, model, '', wantedOf(['price']));
  t.true(endsHere(model, usual as Option, wantedOf(['price'])));
});

test('the engine of the event loop begins no long sum for a Heston option, however low the estimate is', (t) => {
  const model = engines.model('heston');
  t.false(needsProcess(estimateOf([hiddenSum], wantedOf(['price']))));
  for (const outputs of [['price'], ['delta']] as const) {
    const wanted = wantedOf(outputs);
    const option = readOption(hiddenSum, model, '', wanted);
    t.false(Array.isArray(option));
    t.false(endsHere(model, option as Option, wanted), outputs.join());
  }
});
