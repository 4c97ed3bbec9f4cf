import test from 'ava';
import fc from 'fast-check';
import { createAdaptiveAmerican } from '#src/pricing/engines/american/adaptive-american.ts';
import { createBinomialEngine } from '#src/pricing/engines/american/binomial-engine.ts';
import { blackScholesPrice } from '#src/pricing/engines/european/black-scholes.ts';
import { createBlackScholesEngine } from '#src/pricing/engines/european/black-scholes-engine.ts';
import { createFiniteDifferenceEngine } from '#src/pricing/engines/finite-difference/finite-difference-engine.ts';
import type { DividendModel, PricingEngine, SpotOption } from '#src/pricing/models/engine.ts';
import { numericOutputs } from '#src/pricing/engines/numeric-greeks.ts';
import { indexOfOutput, outputNames } from '#src/pricing/models/outputs.ts';

const engines = {
  black_scholes: createBlackScholesEngine(),
  binomial_lr: createBinomialEngine(),
  finite_difference: createFiniteDifferenceEngine(),
};
type TimeGreeks = { readonly theta: number; readonly charm: number };
const greeksOf = (engine: PricingEngine<SpotOption>, o: SpotOption): TimeGreeks => {
  const out = new Float64Array(outputNames.length + 1);
  engine.evaluate(o, out);
  return { theta: out[indexOfOutput.theta]!, charm: out[indexOfOutput.charm]! };
};
const option = (inputs: Partial<SpotOption>): SpotOption => ({
  model: 'binomial_lr',
  option_type: 'call',
  exercise_style: 'european',
  spot: 100,
  strike: 100,
  time_to_expiry: 1,
  rate: 0.03,
  dividend_yield: 0,
  volatility: 0.2,
  ...inputs,
});
/** The larger error of theta and charm, in units of their sizes at the money. */
const errorOf = (one: TimeGreeks, other: TimeGreeks, { spot, volatility, time_to_expiry }: SpotOption): number =>
  Math.max(
    Math.abs(one.theta - other.theta) / ((0.5 * spot * volatility) / Math.sqrt(time_to_expiry)),
    Math.abs(one.charm - other.charm) * time_to_expiry,
  );

const lake = createAdaptiveAmerican('default');
/**
 * Theta and charm of an option with one dividend, from the mean of its value just after the payment. A call is exercised just
 * before it or not at all early. A put is not exercised before a dividend that is larger than the interest until then.
 */
const referenceOf = (o: SpotOption, model: DividendModel): TimeGreeks => {
  const { strike, rate, volatility, exercise_style, option_type } = o;
  const [{ time: at, amount }] = o.dividends as [{ time: number; amount: number }];
  const left = o.time_to_expiry - at;
  const isCall = option_type === 'call';
  const american = exercise_style === 'american';
  const after = (spot: number): number =>
    american && !isCall
      ? lake(spot, strike, left, rate, 0, volatility, -1)
      : blackScholesPrice(spot, strike, left, rate, 0, volatility, isCall ? 1 : -1);
  const points = american && isCall ? 4_000 : 400;
  const price = (spot: number, time: number): number => {
    const start = model === 'escrowed' ? spot - amount * Math.exp(-rate * time) : spot;
    const step = 14 / points;
    let sum = 0;
    for (let n = 0; n <= points; n++) {
      const z = -7 + n * step;
      const path = start * Math.exp((rate - 0.5 * volatility * volatility) * time + volatility * Math.sqrt(time) * z);
      const [before, paid] = model === 'escrowed' ? [path + amount, path] : [path, path - amount];
      const value = paid > 0 ? after(paid) : isCall ? 0 : strike;
      sum += (american && isCall ? Math.max(value, before - strike) : value) * Math.exp(-0.5 * z * z);
    }
    return (Math.exp(-rate * time) * sum * step) / Math.sqrt(2 * Math.PI);
  };
  const h = 0.01 * at;
  const thetaAt = (spot: number): number => (price(spot, at - h) - price(spot, at + h)) / (2 * h);
  const s = 0.02 * volatility * Math.sqrt(o.time_to_expiry) * o.spot;
  return { theta: thetaAt(o.spot), charm: (thetaAt(o.spot + s) - thetaAt(o.spot - s)) / (2 * s) };
};

const shares = [0.001, 0.003, 0.008, 0.02, 0.05, 0.1, 0.15, 0.199, 0.3, 0.6, 0.9];

test('theta and charm of the tree are those of black_scholes, wherever the dividends are in the life', (t) => {
  const between = (min: number, max: number) => fc.double({ min, max, noNaN: true });
  const inputs = fc.record({
    share: between(Math.log(0.001), 0),
    second: between(0, 1.2),
    amount: between(0, 8),
    time: between(0.1, 3),
    moneyness: between(-1, 1),
    rate: between(-0.02, 0.1),
    volatility: between(0.1, 0.6),
    option_type: fc.constantFrom('call' as const, 'put' as const),
  });
  const holds = fc.property(inputs, ({ share, second, amount, time, moneyness, rate, volatility, option_type }) => {
    const strike = 100 * Math.exp(moneyness * volatility * Math.sqrt(time));
    const dividends = [
      { time: Math.exp(share) * time, amount },
      { time: Math.max(second, 1e-3) * time, amount: 2 },
      { time, amount: 1 },
    ];
    const o = option({ strike, time_to_expiry: time, rate, volatility, option_type, dividends });
    return errorOf(greeksOf(engines.binomial_lr, o), greeksOf(engines.black_scholes, o), o) <= 2e-4;
  });
  t.notThrows(() => fc.assert(holds, { numRuns: 60 }));
});

for (const [name, model, style, bound] of [
  ['black_scholes', 'escrowed', 'european', 1e-3],
  ['binomial_lr', 'escrowed', 'european', 1e-3],
  ['binomial_lr', 'escrowed', 'american', 0.08],
  ['finite_difference', 'spot', 'european', 1e-2],
  ['finite_difference', 'spot', 'american', 1e-2],
] as const) {
  test(`theta and charm of ${style} options by ${name} are right for a dividend at each part of the life`, (t) => {
    for (const share of shares) {
      for (const option_type of ['call', 'put'] as const) {
        for (const strike of [90, 103, 115]) {
          const dividends = [{ time: share, amount: 5 }];
          const o = option({ option_type, exercise_style: style, strike, dividends });
          const error = errorOf(greeksOf(engines[name], o), referenceOf(o, model), o);
          t.true(error <= bound, `${share} ${option_type} ${strike} ${error}`);
        }
      }
    }
  });
}

test('without volatility theta is that of the known path, wherever the dividend is in the life', (t) => {
  for (const share of [1e-9, ...shares, 1]) {
    for (const [name, engine] of Object.entries(engines)) {
      const dividends = [{ time: share * 0.7, amount: 5 }];
      const o = option({ strike: 80, time_to_expiry: 0.7, volatility: 0, dividends });
      const { theta, charm } = greeksOf(engine, o);
      t.true(
        Math.abs(theta + 0.03 * (80 * Math.exp(-0.021) + 5 * Math.exp(-0.021 * share))) < 1e-3,
        `${name} ${share} ${theta}`,
      );
      t.true(Math.abs(charm) < 1e-6, `${name} ${share} ${charm}`);
    }
  }
});

test('greeks of the tree are those of black_scholes where the dividends are most of the spot', (t) => {
  for (const [strike, amount, volatility, rate] of [
    [10, 90, 0.3, 0.03],
    [10, 90, 0.5, 0.03],
    [5, 95, 0.5, 0.03],
    [5, 99, 0.5, 0.1],
    [2, 99.9, 0.5, 0.03],
  ] as const) {
    for (const time of [0.001, 0.5, 1]) {
      const o = option({ strike, volatility, rate, dividends: [{ time, amount }] });
      if (engines.binomial_lr.refusal!(o) !== undefined) continue;
      const [exact, tree] = [new Float64Array(outputNames.length + 1), new Float64Array(outputNames.length + 1)];
      engines.black_scholes.evaluate(o, exact);
      engines.binomial_lr.evaluate(o, tree);
      for (const name of numericOutputs) {
        const [right, found] = [exact[indexOfOutput[name]]!, tree[indexOfOutput[name]]!];
        t.true(
          Math.abs(found - right) <= 3e-3 * (0.1 + Math.abs(right)),
          `${name} ${found} ${right} ${amount} ${time}`,
        );
      }
    }
  }
});
