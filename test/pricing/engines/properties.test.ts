import test from 'ava';
import fc from 'fast-check';
import { bachelierPrice } from '#src/pricing/engines/european/bachelier.ts';
import { black76Price } from '#src/pricing/engines/european/black76.ts';
import { blackScholesEvaluate, blackScholesPrice } from '#src/pricing/engines/european/black-scholes.ts';
import { indexOfOutput, outputNames, type OutputName } from '#src/pricing/models/outputs.ts';

const between = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const market = fc.record({
  s: between(1, 1000),
  k: between(1, 1000),
  time: between(0, 20),
  rate: between(-0.2, 0.5),
  dividend: between(-0.2, 0.5),
  vol: between(0, 3),
});
type Market = { s: number; k: number; time: number; rate: number; dividend: number; vol: number };
const price = (m: Market, sign: number): number => blackScholesPrice(m.s, m.k, m.time, m.rate, m.dividend, m.vol, sign);
const asset = (m: Market): number => m.s * Math.exp(-m.dividend * m.time);
const cash = (m: Market): number => m.k * Math.exp(-m.rate * m.time);
const slack = (m: Market): number => 1e-14 * (asset(m) + cash(m));
const signs = fc.constantFrom(1, -1);

const holds = (arbitrary: fc.Arbitrary<Market>, law: (m: Market, sign: number) => boolean) =>
  fc.assert(fc.property(arbitrary, signs, law), { numRuns: 500 });

test('put-call parity', (t) => {
  t.notThrows(() => holds(market, (m) => Math.abs(price(m, 1) - price(m, -1) - (asset(m) - cash(m))) <= slack(m)));
});

test('a price is between the discounted payoff of the forward and the discounted asset or strike', (t) => {
  t.notThrows(() =>
    holds(market, (m, sign) => {
      const value = price(m, sign);
      const lower = Math.max(sign * (asset(m) - cash(m)), 0);
      return value >= lower - slack(m) && value <= (sign === 1 ? asset(m) : cash(m)) + slack(m);
    }),
  );
});

test('a call falls and a put rises with the strike; both rise with the volatility', (t) => {
  t.notThrows(() =>
    holds(market, (m, sign) => sign * (price({ ...m, k: m.k * 1.01 }, sign) - price(m, sign)) <= slack(m)),
  );
  t.notThrows(() => holds(market, (m, sign) => price({ ...m, vol: m.vol + 0.01 }, sign) >= price(m, sign) - slack(m)));
});

test('a price is convex in the strike and homogeneous of degree one', (t) => {
  t.notThrows(() =>
    holds(market, (m, sign) => {
      const wings = price({ ...m, k: m.k * 0.9 }, sign) + price({ ...m, k: m.k * 1.1 }, sign);
      return wings - 2 * price(m, sign) >= -4 * slack(m);
    }),
  );
  // Multiplication by a power of two is exact, except for subnormal prices.
  t.notThrows(() =>
    holds(market, (m, sign) => {
      const four = 4 * price(m, sign);
      const scaled = price({ ...m, s: m.s * 4, k: m.k * 4 }, sign);
      return scaled === four || Math.abs(scaled - four) < 1e-305;
    }),
  );
});

test('Black-76 on the forward is Black-Scholes on the spot', (t) => {
  t.notThrows(() =>
    holds(market, (m, sign) => {
      const forward = m.s * Math.exp((m.rate - m.dividend) * m.time);
      return Math.abs(black76Price(forward, m.k, m.time, m.rate, m.vol, sign) - price(m, sign)) <= 20 * slack(m);
    }),
  );
});

test('Bachelier prices satisfy parity, reflection and the at-the-money formula', (t) => {
  t.notThrows(() =>
    holds(market, (m, sign) => {
      const f = m.s - 500;
      const vol = m.vol * 100;
      const value = bachelierPrice(f, m.k, m.time, m.rate, vol, sign);
      const other = bachelierPrice(f, m.k, m.time, m.rate, vol, -sign);
      const discount = Math.exp(-m.rate * m.time);
      const reflected = bachelierPrice(-f, -m.k, m.time, m.rate, vol, -sign);
      const atTheMoney = bachelierPrice(f, f, m.time, 0, vol, sign);
      return (
        Math.abs(value - other - sign * discount * (f - m.k)) <= 1e-12 * discount * 1500 &&
        value === reflected &&
        Math.abs(atTheMoney - (vol * Math.sqrt(m.time)) / Math.sqrt(2 * Math.PI)) <=
          1e-14 * vol * Math.sqrt(m.time) + 1e-300
      );
    }),
  );
});

/** Eighth-order central difference. */
const derivative = (f: (x: number) => number, x: number, step: number): number => {
  const weights = [4 / 5, -1 / 5, 4 / 105, -1 / 280];
  return weights.reduce((sum, weight, i) => sum + weight * (f(x + (i + 1) * step) - f(x - (i + 1) * step)), 0) / step;
};
const output = (m: Market, sign: number, name: OutputName): number => {
  const out = new Float64Array(outputNames.length);
  blackScholesEvaluate(m.s, m.k, m.time, m.rate, m.dividend, m.vol, sign, out);
  return out[indexOfOutput[name]]!;
};
const moderate = fc.record({
  s: between(80, 120),
  k: between(80, 120),
  time: between(0.2, 2),
  rate: between(-0.05, 0.1),
  dividend: between(-0.05, 0.1),
  vol: between(0.15, 0.6),
});
const chain: [greek: OutputName, of: OutputName, by: keyof Market, factor: number][] = [
  ['delta', 'price', 's', 1],
  ['gamma', 'delta', 's', 1],
  ['vega', 'price', 'vol', 1],
  ['theta', 'price', 'time', -1],
  ['rho', 'price', 'rate', 1],
  ['dividend_rho', 'price', 'dividend', 1],
  ['vanna', 'delta', 'vol', 1],
  ['volga', 'vega', 'vol', 1],
  ['charm', 'delta', 'time', -1],
  ['veta', 'vega', 'time', -1],
  ['speed', 'gamma', 's', 1],
  ['zomma', 'gamma', 'vol', 1],
  ['color', 'gamma', 'time', -1],
  ['ultima', 'volga', 'vol', 1],
  ['dual_delta', 'price', 'k', 1],
  ['dual_gamma', 'dual_delta', 'k', 1],
];
for (const [greek, of, by, factor] of chain) {
  test(`${greek} is the derivative of ${of} by ${by}`, (t) => {
    const law = (m: Market, sign: number): boolean => {
      const step = by === 's' || by === 'k' ? 0.3 : 0.002;
      const numeric = factor * derivative((x) => output({ ...m, [by]: x }, sign, of), m[by], step);
      return Math.abs(numeric - output(m, sign, greek)) <= 1e-6 * (1 + Math.abs(numeric));
    };
    t.notThrows(() => fc.assert(fc.property(moderate, signs, law), { numRuns: 50 }));
  });
}
