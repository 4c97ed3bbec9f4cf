import test from 'ava';
import fc from 'fast-check';
import { bachelierPrice } from '#src/pricing/engines/european/bachelier.ts';
import { black76Price } from '#src/pricing/engines/european/black76.ts';
import { blackScholesPrice, outOfTheMoney } from '#src/pricing/engines/european/black-scholes.ts';
import {
  black76ImpliedVolatility,
  blackScholesImpliedVolatility,
  impliedDeviation,
} from '#src/pricing/engines/european/implied-black.ts';
import { bachelierImpliedVolatility } from '#src/pricing/engines/european/implied-bachelier.ts';
import {
  ABOVE_MAXIMUM,
  BELOW_INTRINSIC,
  NO_INFORMATION,
  NOT_CONVERGED,
} from '#src/pricing/engines/european/implied.ts';
import { MAX_SEARCH_STEPS, volatilityByRoot } from '#src/pricing/engines/european/root-volatility.ts';
import { normalPdf } from '#src/pricing/math/normal.ts';

/** Relative error of the deviation that a rounding error of the price causes: b / (s b') roundings. */
const attainableError = (x: number, s: number, b: number): number =>
  Number.EPSILON * (1 + b / (s * Math.exp(x / 2) * normalPdf(x / s + s / 2)));

// Extreme cases of Jaeckel, "Let's Be Rational", section 7: very short times, far wings, large volatilities, near the
// money.
const extremes: [x: number, s: number][] = [
  [-1e-12, 1e-10],
  [-1e-8, 1e-3],
  [-1e-4, 0.05],
  [-0.01, 1e-3],
  [-0.1, 0.004],
  [-0.5, 0.02],
  [-1, 0.05],
  [-3, 0.12],
  [-10, 0.5],
  [-16, 0.6],
  [-50, 2],
  [-100, 10],
  [-500, 30],
  [-0.001, 8],
  [-0.3, 12],
  [0, 1e-9],
  [0, 0.2],
  [0, 9],
];

for (const [x, s] of extremes) {
  test(`the normalised Black price at x = ${x}, s = ${s} is inverted to the precision of the price`, (t) => {
    const supremum = Math.exp(x / 2);
    const b = outOfTheMoney(supremum, -x, s);
    t.true(b > 0);
    // Near the supremum the distance to the supremum determines the precision.
    const limit = attainableError(x, s, Math.max(b, supremum - b));
    t.true(Math.abs(impliedDeviation(x, b, supremum) / s - 1) <= 60 * limit);
  });
}

const between = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const market = fc.record({
  s: between(1, 500),
  k: between(1, 500),
  time: between(0.01, 20),
  rate: between(-0.1, 0.3),
  dividend: between(-0.1, 0.3),
  vol: between(0.01, 3),
  sign: fc.constantFrom(1, -1),
});

test('the price at the implied volatility of a price is that price: Black-Scholes and Black-76', (t) => {
  const law = ({ s, k, time, rate, dividend, vol, sign }: typeof market extends fc.Arbitrary<infer M> ? M : never) => {
    for (const [price, implied] of [
      [
        (v: number) => blackScholesPrice(s, k, time, rate, dividend, v, sign),
        (p: number) => blackScholesImpliedVolatility(p, s, k, time, rate, dividend, sign),
      ],
      [
        (v: number) => black76Price(s, k, time, rate, v, sign),
        (p: number) => black76ImpliedVolatility(p, s, k, time, rate, sign),
      ],
    ] as const) {
      const value = price(vol);
      const found = implied(value);
      if (found < 0) {
        // Then a different volatility must give the same price.
        if (found !== NO_INFORMATION) return false;
        const other = Math.min(Math.abs(price(vol * 1.001) - value), Math.abs(price(vol * 0.999) - value));
        if (other > 1e-13 * Math.max(s, k, value)) return false;
      } else if (Math.abs(price(found) - value) > 1e-13 * Math.max(value, s, k)) return false;
    }
    return true;
  };
  t.notThrows(() => fc.assert(fc.property(market, law), { numRuns: 2000 }));
});

test('the implied volatility of a Bachelier price is its volatility for all d', (t) => {
  for (let d = 1e-6; d < 36; d *= 1.13) {
    for (const vol of [1e-3, 1, 4e5]) {
      const price = bachelierPrice(10 - d * vol, 10, 1, 0, vol, 1);
      const moneyness = d * vol;
      const distance = 10 - (10 - moneyness);
      const { volatility, iterations } = bachelierImpliedVolatility(price, 10 - moneyness, 10, 1, 0, 1);
      t.true(Math.abs(volatility / vol - 1) < 1e-14 + Math.abs(distance / moneyness - 1), `${d} ${vol}`);
      t.true(iterations <= 6);
    }
  }
  t.is(
    bachelierImpliedVolatility(bachelierPrice(3, 3, 2, 0.1, 7, 1), 3, 3, 2, 0.1, 1).volatility.toFixed(12),
    '7.000000000000',
  );
});

test('a price outside its bounds, or one that does not determine the volatility, gives a code', (t) => {
  const implied = (price: number, sign = 1, time = 1): number =>
    blackScholesImpliedVolatility(price, 100, 80, time, 0.05, 0.01, sign);
  const intrinsic = 100 * Math.exp(-0.01) - 80 * Math.exp(-0.05);
  t.is(implied(intrinsic - 0.01), BELOW_INTRINSIC);
  t.is(implied(-1, -1), BELOW_INTRINSIC);
  t.is(implied(100), ABOVE_MAXIMUM);
  t.is(implied(80, -1), ABOVE_MAXIMUM);
  t.is(implied(intrinsic), NO_INFORMATION);
  t.is(implied(0, -1), NO_INFORMATION);
  t.is(implied(20, 1, 0), NO_INFORMATION);
  t.is(implied(100 * Math.exp(-0.01)), NO_INFORMATION);
  const normal = (price: number, sign = 1): number => bachelierImpliedVolatility(price, 5, 3, 1, 0, sign).volatility;
  t.is(normal(1.9), BELOW_INTRINSIC);
  t.is(normal(2), NO_INFORMATION);
  t.is(normal(0, -1), NO_INFORMATION);
});

test('the root finder returns the volatility, or the code of the reason', (t) => {
  const price = (volatility: number): number => 3 + 5 * Math.tanh(volatility) ** 3;
  const found = volatilityByRoot(price, price(0.37));
  t.true(Math.abs(found.volatility - 0.37) < 1e-12);
  t.true(found.iterations < 40);
  t.is(volatilityByRoot(price, 2.9).volatility, BELOW_INTRINSIC);
  t.is(volatilityByRoot(price, 3).volatility, NO_INFORMATION);
  t.is(volatilityByRoot(price, 8.1).volatility, ABOVE_MAXIMUM);
});

test('a small time value is found in few steps, and a price that no volatility has in a jump is refused', (t) => {
  let calls = 0;
  const outOfTheMoney = (volatility: number): number => {
    calls += 1;
    return 1 + Math.exp(-10 / volatility ** 2);
  };
  const found = volatilityByRoot(outOfTheMoney, outOfTheMoney(0.8));
  t.true(Math.abs(found.volatility / 0.8 - 1) < 1e-9, `${found.volatility}`);
  t.true(calls < 25, `${calls} calls`);
  calls = 0;
  const jumping = (volatility: number): number => {
    calls += 1;
    return volatility < 0.3 ? 1 : 2 + volatility;
  };
  t.is(volatilityByRoot(jumping, 1.5).volatility, NOT_CONVERGED);
  t.true(calls <= MAX_SEARCH_STEPS + 1, `${calls} calls`);
});

test('at the money the implied deviation has all digits of the price', (t) => {
  for (let s = 1e-12; s < 1.3; s *= 1.7) {
    // 2 N(s / 2) - 1 as its series in s, where the series is accurate, else by the difference of the Mills ratios.
    const z = s / 2;
    let term = z;
    let sum = z;
    for (let n = 1; n < 60; n++) {
      term *= (-z * z) / (2 * n);
      sum += term / (2 * n + 1);
    }
    const beta = (2 * sum) / Math.sqrt(2 * Math.PI);
    t.true(Math.abs(impliedDeviation(0, beta, 1) / s - 1) < 1e-14, `${s}`);
  }
  // One minute at a volatility of 1 %, and the forward equal to the strike.
  const minute = 1 / (365 * 24 * 60);
  const price = blackScholesPrice(100, 100, minute, 0.03, 0.03, 0.01, 1);
  t.true(Math.abs(blackScholesImpliedVolatility(price, 100, 100, minute, 0.03, 0.03, 1) / 0.01 - 1) < 1e-14);
});

test('a search finds a root below volatilities that the model does not price, and ends if there is none', (t) => {
  let calls = 0;
  const priced =
    (max: number) =>
    (volatility: number): number => {
      calls += 1;
      return volatility > max ? Number.NaN : 1 + volatility;
    };
  for (const root of [0.1, 0.3, 0.6, 1.2, 1.25]) {
    const { volatility } = volatilityByRoot(priced(1.3), 1 + root);
    t.true(Math.abs(volatility - root) < 1e-9, `${volatility} ${root}`);
  }
  for (const [max, price] of [
    [1.3, 3],
    [0.01, 1.02],
    [0, 2],
  ] as const) {
    calls = 0;
    t.is(volatilityByRoot(priced(max), price).volatility, NOT_CONVERGED);
    t.true(calls < 20, `${calls} calls`);
  }
  t.is(volatilityByRoot(priced(Infinity), 102).volatility, ABOVE_MAXIMUM);
  t.is(volatilityByRoot(priced(Infinity), 9, 4).volatility, NOT_CONVERGED);
});
