import test from 'ava';
import { createAndersenLakeEngine } from '#src/pricing/engines/american/american-engines.ts';
import { createFiniteDifferenceEngine } from '#src/pricing/engines/finite-difference/finite-difference-engine.ts';
import type { SpotOption } from '#src/pricing/models/engine.ts';
import { indexOfOutput, outputNames, type OutputName } from '#src/pricing/models/outputs.ts';
import { seeded } from '#testkit/american/random-americans.ts';

const grid = createFiniteDifferenceEngine();
const lake = createAndersenLakeEngine();

/** Max errors in units of the scales, as `accuracy` of the model states them. */
const maxErrors = {
  delta: 1e-3,
  gamma: 1e-3,
  theta: 1e-3,
  charm: 1e-2,
  vega: 3e-3,
  rho: 5e-3,
  dividend_rho: 5e-3,
  vanna: 3e-3,
  dual_delta: 3e-3,
  volga: 2e-2,
  dual_gamma: 5e-2,
} as const satisfies Partial<Record<OutputName, number>>;
type Greek = keyof typeof maxErrors;

const scalesOf = ({ spot, strike, volatility, time_to_expiry: time }: SpotOption): Record<Greek, number> => {
  const deviation = volatility * Math.sqrt(time);
  return {
    delta: 1,
    gamma: 1 / (spot * deviation),
    theta: (spot * volatility) / Math.sqrt(time),
    charm: 1 / time,
    vega: spot * Math.sqrt(time),
    rho: spot * time,
    dividend_rho: spot * time,
    vanna: 1 / volatility,
    dual_delta: 1,
    volga: (spot * Math.sqrt(time)) / volatility,
    dual_gamma: 1 / (strike * deviation),
  };
};

const option = (inputs: Partial<SpotOption>): SpotOption => ({
  model: 'finite_difference',
  option_type: 'put',
  exercise_style: 'american',
  spot: 100,
  strike: 100,
  time_to_expiry: 1,
  rate: 0.05,
  dividend_yield: 0.02,
  volatility: 0.15,
  ...inputs,
});
const read = (evaluate: (out: Float64Array) => void): ((name: OutputName) => number) => {
  const out = new Float64Array(outputNames.length + 1);
  evaluate(out);
  return (name) => out[indexOfOutput[name]]!;
};
const exactOf = (o: SpotOption) =>
  read((out) => lake.evaluate({ ...o, model: 'andersen_lake', precision: 'high' }, out));
const gridOf = (o: SpotOption) => read((out) => grid.evaluate(o, out));

/** The errors above the max, in units of the scales. */
const missesOf = (o: SpotOption, exact: (name: OutputName) => number): string[] => {
  const value = gridOf(o);
  const scales = scalesOf(o);
  return (Object.keys(maxErrors) as Greek[]).flatMap((name) => {
    const miss = Math.abs(value(name) - exact(name)) / scales[name];
    return miss <= maxErrors[name] ? [] : [`${name} ${miss} ${value(name)} ${exact(name)} ${JSON.stringify(o)}`];
  });
};

test('every greek of random American options is within its stated error of andersen_lake', (t) => {
  const random = seeded(381);
  const between = (low: number, high: number): number => low + (high - low) * random();
  const log = (low: number, high: number): number => Math.exp(between(Math.log(low), Math.log(high)));
  let compared = 0;
  while (compared < 120) {
    const [time, volatility] = [log(0.05, 10), log(0.08, 0.6)];
    const deviation = volatility * Math.sqrt(time);
    const o = option({
      option_type: random() < 0.5 ? 'call' : 'put',
      strike: 100 * Math.exp(between(-2, 2) * Math.min(deviation, 0.4)),
      time_to_expiry: time,
      rate: between(0, 0.1),
      dividend_yield: between(0, 0.1),
      volatility,
    });
    const exact = exactOf(o);
    const payoff = Math.max((o.option_type === 'call' ? 1 : -1) * (100 - o.strike), 0);
    // Close to the boundary of the exercise, the second derivatives are not smooth.
    if (deviation > 1 || exact('price') - payoff < 6 * deviation) continue;
    compared += 1;
    t.deepEqual(missesOf(o, exact), []);
  }
});

for (const inputs of [
  { time_to_expiry: 0.25 },
  { time_to_expiry: 1 },
  { time_to_expiry: 2 },
  { time_to_expiry: 3 },
  { option_type: 'call', strike: 85, time_to_expiry: 2, rate: 0.02, dividend_yield: 0.05 },
  { option_type: 'call', strike: 85, time_to_expiry: 3, rate: 0.02, dividend_yield: 0.05 },
  {
    option_type: 'call',
    strike: 85.47,
    time_to_expiry: 7.95,
    rate: 0.0805,
    dividend_yield: 0.0885,
    volatility: 0.271,
  },
] as const satisfies Partial<SpotOption>[]) {
  const { option_type: type, strike, time_to_expiry: time } = option(inputs);
  test(`volga of a ${type} with the strike ${strike} and ${time} years is no noise`, (t) => {
    const o = option(inputs);
    t.deepEqual(missesOf(o, exactOf(o)), []);
  });
}
