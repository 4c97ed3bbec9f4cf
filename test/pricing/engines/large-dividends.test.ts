import test from 'ava';
import { createFiniteDifferenceEngine } from '#src/pricing/engines/finite-difference/finite-difference-engine.ts';
import { gridErrorBound } from '#src/pricing/engines/finite-difference/grid-price.ts';
import type { SpotOption } from '#src/pricing/models/engine.ts';
import { indexOfOutput, outputNames, type OutputName } from '#src/pricing/models/outputs.ts';
import { seeded } from '#testkit/american/random-americans.ts';
import { oneDividendPrice, type OneDividend } from '#testkit/pricing-reference/one-dividend.ts';
import { spotGridResult } from '#testkit/pricing-reference/spot-grid.ts';

const engine = createFiniteDifferenceEngine();
const random = seeded(380);
const between = (low: number, high: number): number => low + (high - low) * random();
const oneOf = <T>(...values: readonly T[]): T => values[Math.floor(random() * values.length)]!;

const optionOf = ({ sign, american, time, paidAt, amount, ...market }: OneDividend): SpotOption => ({
  ...market,
  model: 'finite_difference',
  option_type: sign > 0 ? 'call' : 'put',
  exercise_style: american ? 'american' : 'european',
  time_to_expiry: time,
  dividend_yield: 0,
  dividends: [{ time: paidAt, amount }],
});
const errorOf = (price: number, exact: number, { spot, strike }: { spot: number; strike: number }): number =>
  Math.abs(price - exact) / Math.max(spot, strike);

/** A dividend of 1 to 95 % of the spot, soon or just before the expiry. */
const randomDividend = (): OneDividend => {
  const time = oneOf(0.05, 0.25, 1, 3);
  const american = random() < 0.5;
  return {
    spot: 100,
    strike: random() < 0.5 ? between(70, 140) : between(4, 70),
    time,
    rate: american ? between(0, 0.1) : between(-0.05, 0.1),
    volatility: oneOf(0.05, 0.15, 0.3, 0.6),
    sign: american || random() < 0.5 ? 1 : -1,
    american,
    paidAt: time * oneOf(0.02, 0.1, 0.5, 0.9, 0.99),
    amount: between(1, 95),
  };
};

test('a dividend of any share of the spot: prices are within the bound of their integrals, and keep the parity', (t) => {
  for (let n = 0; n < 150; n++) {
    const option = randomDividend();
    const price = engine.price(optionOf(option));
    t.true(errorOf(price, oneDividendPrice(option), option) <= gridErrorBound, `${price} ${JSON.stringify(option)}`);
    if (option.american) continue;
    // The difference of a call and a put is the value of the forward, in which the spot can be paid out, less the strike.
    const forwardOf = (strike: number): number => {
      const [call, put] = [1, -1].map((sign) => engine.price(optionOf({ ...option, strike, sign })));
      return call! - put! + strike * Math.exp(-option.rate * option.time);
    };
    const error = errorOf(forwardOf(option.strike), forwardOf(60), option);
    t.true(error <= 4 * gridErrorBound, `${error} ${JSON.stringify(option)}`);
  }
});

for (const [amount, paidAt, strike, volatility, time, sign] of [
  [80, 0.5, 100, 0.3, 1, 1],
  [90, 0.5, 50, 0.3, 1, 1],
  [80, 0.9, 60, 0.2, 1, -1],
  [40, 0.0495, 84.8, 0.3, 0.05, -1],
] as const) {
  test(`a dividend of ${amount} at ${paidAt} years, strike ${strike}: the time value beyond the usual grid counts`, (t) => {
    const option = { spot: 100, strike, time, rate: 0.03, volatility, sign, american: false, paidAt, amount };
    const price = engine.price(optionOf(option));
    t.true(errorOf(price, oneDividendPrice(option), option) <= 1e-6, `${price} ${oneDividendPrice(option)}`);
  });
}

/** Derivatives of the exact price, by differences that are much finer than those of the engine. */
const exactGreeks = (o: OneDividend): Partial<Record<OutputName, number>> => {
  const price = (change: Partial<OneDividend>): number => oneDividendPrice({ ...o, ...change });
  const h = o.spot * o.volatility * Math.sqrt(o.paidAt) * 1e-2;
  const dv = o.volatility * 1e-2;
  const dt = 1e-3 * o.paidAt;
  const slope = (by: (step: number) => Partial<OneDividend>, step: number): number =>
    (price(by(step)) - price(by(-step))) / (2 * step);
  const bend = (by: (step: number) => Partial<OneDividend>, step: number): number =>
    (price(by(step)) + price(by(-step)) - 2 * price({})) / (step * step);
  const bySpot = (step: number) => ({ spot: o.spot + step });
  const byStrike = (step: number) => ({ strike: o.strike + step });
  const byVolatility = (step: number) => ({ volatility: o.volatility + step });
  return {
    delta: slope(bySpot, h),
    gamma: bend(bySpot, h),
    vega: slope(byVolatility, dv),
    theta: slope((step) => ({ time: o.time - step, paidAt: o.paidAt - step }), dt),
    rho: slope((step) => ({ rate: o.rate + step }), 1e-5),
    volga: bend(byVolatility, 2 * dv),
    dual_delta: slope(byStrike, h),
    dual_gamma: bend(byStrike, h),
  };
};

test('greeks with a dividend of any share of the spot are those of the integral, in units of their scale', (t) => {
  const out = new Float64Array(outputNames.length + 1);
  for (let n = 0; n < 60; n++) {
    const option = randomDividend();
    const { spot, strike, time, volatility, sign, american } = option;
    const price = oneDividendPrice(option);
    const deviation = volatility * Math.sqrt(time);
    // Close to the boundary of the exercise the derivatives are not smooth.
    if (american && price - sign * (spot - strike) < 0.02 * spot * deviation) continue;
    engine.evaluate(optionOf(option), out);
    const scales: Partial<Record<OutputName, readonly [scale: number, error: number]>> = {
      delta: [1, 1e-3],
      gamma: [1 / (spot * deviation), 1e-3],
      vega: [spot * Math.sqrt(time), 3e-3],
      theta: [(spot * volatility) / Math.sqrt(time), 1e-3],
      rho: [spot * time, 3e-3],
      volga: [(spot * Math.sqrt(time)) / volatility, 2e-2],
      dual_delta: [1, 3e-3],
      dual_gamma: [1 / (strike * deviation), 5e-2],
    };
    const exact = exactGreeks(option);
    for (const [name, [scale, error]] of Object.entries(scales) as [OutputName, readonly [number, number]][]) {
      const miss = Math.abs(out[indexOfOutput[name]]! - exact[name]!) / scale;
      t.true(miss <= error, `${name} ${miss} ${JSON.stringify(option)}`);
    }
  }
});

const regular = (time: number, count: number, amount: number) =>
  Array.from({ length: count }, (_, k) => ({ time: ((k + 0.5) * time) / count, amount }));

type SeveralDividends = Omit<OneDividend, 'paidAt' | 'amount'> & {
  readonly dividends: readonly { readonly time: number; readonly amount: number }[];
};

/** Texts for a price, delta, gamma or vega that is not that of the grid of the spot. */
const missesOf = (o: SeveralDividends): string[] => {
  const option = { ...optionOf({ ...o, paidAt: 0, amount: 0 }), dividends: o.dividends };
  const out = new Float64Array(outputNames.length + 1);
  engine.evaluate(option, out);
  const result = (volatility: number) => spotGridResult({ ...o, dividendYield: 0, volatility }, 1_600);
  const { price, delta, gamma, error } = result(o.volatility);
  const step = 0.03 * o.volatility;
  const vega = (result(o.volatility + step).price - result(o.volatility - step).price) / (2 * step);
  const deviation = o.volatility * Math.sqrt(o.time);
  const bounds: readonly (readonly [name: OutputName, exact: number, max: number])[] = [
    ['price', price, gridErrorBound * Math.max(o.spot, o.strike) + 2 * error],
    ['delta', delta, 1e-3],
    ['gamma', gamma, 2e-3 / (o.spot * deviation)],
    ['vega', vega, 3e-3 * o.spot * Math.sqrt(o.time)],
  ];
  const misses = bounds.flatMap(([name, exact, max]) => {
    const value = out[indexOfOutput[name]]!;
    return Math.abs(value - exact) <= max ? [] : [`${name} ${value} ${exact} ${JSON.stringify(o)}`];
  });
  return error <= 5e-3 ? misses : [`the reference has an error of ${error}`];
};

for (const [time, volatility, strike, rate, count, amount] of [
  [5, 0.2, 80, 0.02, 20, 3],
  [5, 0.2, 40, 0.02, 20, 4.5],
  [1, 0.3, 100, 0.03, 1, 80],
  [1, 0.3, 30, 0.06, 12, 7.5],
  [3, 0.2, 60, 0.06, 3, 28],
  [5, 0.1, 80, 0.03, 40, 2],
] as const) {
  test(`${count} dividends of ${amount} until ${time} years: price and greeks are those of a grid of the spot`, (t) => {
    const dividends = regular(time, count, amount);
    for (const american of [false, true]) {
      for (const sign of [1, -1]) {
        t.deepEqual(missesOf({ spot: 100, strike, time, rate, volatility, sign, american, dividends }), []);
      }
    }
  });
}

test('random dividends of any share of the spot: price and greeks are those of a grid of the spot', (t) => {
  for (let n = 0; n < 16; n++) {
    const time = between(0.3, 4);
    const volatility = Math.min(between(0.12, 0.5), 0.6 / Math.sqrt(time));
    const american = n % 2 === 0;
    const sign = n % 4 === 1 ? 1 : -1;
    const count = oneOf(2, 3, 6);
    const share = between(0.1, 0.95);
    const dividends = regular(time, count, (100 * share) / count).map(({ time: at, amount }) => ({
      time: at + (between(-0.3, 0.3) * time) / count,
      amount,
    }));
    const market = { spot: 100, strike: between(30, 120), rate: between(0, 0.08), volatility };
    t.deepEqual(missesOf({ ...market, time, sign, american, dividends }), []);
  }
});
