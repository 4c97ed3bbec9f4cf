import test from 'ava';
import fc from 'fast-check';
import { createAdaptiveAmerican } from '#src/pricing/engines/american/adaptive-american.ts';
import { createAndersenLake } from '#src/pricing/engines/american/andersen-lake.ts';
import { createScheme, schemeSizes } from '#src/pricing/engines/american/andersen-lake-scheme.ts';
import type { Precision } from '#src/pricing/engines/american/precision.ts';
import { bawPrice } from '#src/pricing/engines/american/baw.ts';
import { binomialPrice } from '#src/pricing/engines/american/binomial-lr.ts';
import { blackScholesPrice } from '#src/pricing/engines/european/black-scholes.ts';
import { indexOfOutput, outputNames, type OutputName } from '#src/pricing/models/outputs.ts';
import { writeNumericGreeks, type SpotInputs } from '#src/pricing/engines/numeric-greeks.ts';
import { seeded } from '#testkit/american/random-americans.ts';
import reference from '#testkit/pricing-reference/american.json' with { type: 'json' };

type Inputs = [spot: number, strike: number, time: number, rate: number, dividend: number, vol: number, sign: number];
const engines = {
  fast: { price: createAdaptiveAmerican('fast') },
  default: { price: createAdaptiveAmerican('default') },
  high: { price: createAdaptiveAmerican('high') },
};
const { price } = engines.default;
const named = ([spot, strike, time, rate, dividendYield, volatility, sign]: Inputs): SpotInputs => ({
  spot,
  strike,
  time,
  rate,
  dividendYield,
  volatility,
  sign,
});
const tree = (inputs: Inputs, steps: number, american = true): number =>
  binomialPrice(named(inputs), { american, steps });

const documented: [Precision, number][] = [
  ['fast', 1e-5],
  ['default', 1e-6],
  // The error of the reference itself is 1e-8; american-domain.test.ts judges the bound of 1e-9 by better ones.
  ['high', 2e-8],
];
for (const [precision, bound] of documented) {
  test(`andersen_lake ${precision} is within ${bound} of the strike of QuantLib's high precision scheme`, (t) => {
    for (const row of reference.rows) {
      const inputs = row.slice(0, 7) as Inputs;
      t.true(Math.abs(engines[precision].price(...inputs) - row[7]!) <= bound * inputs[1], JSON.stringify(row));
    }
  });
}

test('benchmark of Andersen, Lake and Offengenden (2016): the one-year premium at the money at 5 % is 0.106952702747', (t) => {
  const inputs: Inputs = [100, 100, 1, 0.05, 0.05, 0.25, -1];
  const premium = (engine: { price: (...m: Inputs) => number }): number =>
    engine.price(...inputs) - blackScholesPrice(...inputs);
  t.true(Math.abs(premium(engines.high) - 0.106952702747) < 1e-9);
  t.true(Math.abs(premium(engines.default) - 0.106952702747) < 1e-5);
  const finer = createAndersenLake(
    createScheme({ ...schemeSizes.large, intervals: 24, minSteps: 24, points: 40, premiumPoints: 96 }),
  );
  t.true(Math.abs(premium(finer) - 0.106952702747) < 1e-10);
});

// F. Longstaff and E. Schwartz, Review of Financial Studies 14 (2001), table 1: finite differences.
const longstaffSchwartz: [spot: number, vol: number, time: number, value: number][] = [
  [36, 0.2, 1, 4.478],
  [36, 0.2, 2, 4.84],
  [36, 0.4, 1, 7.101],
  [36, 0.4, 2, 8.508],
  [38, 0.2, 1, 3.25],
  [38, 0.4, 2, 7.67],
  [40, 0.2, 1, 2.314],
  [40, 0.4, 1, 5.312],
  [42, 0.2, 2, 2.212],
  [44, 0.2, 1, 1.11],
  [44, 0.4, 2, 5.647],
];
test('Longstaff and Schwartz (2001), table 1: puts at strike 40, rate 6 %', (t) => {
  for (const [spot, vol, time, value] of longstaffSchwartz) {
    t.true(Math.abs(price(spot, 40, time, 0.06, 0, vol, -1) - value) < 0.012, `${spot} ${vol} ${time}`);
    t.true(Math.abs(tree([spot, 40, time, 0.06, 0, vol, -1], 501) - value) < 0.012);
  }
});

test('Barone-Adesi and Whaley: the table of Haug, 2nd ed., section 3.1 for futures (rate 0.1, carry 0)', (t) => {
  const at = (spot: number, vol: number, sign: number): string =>
    bawPrice(spot, 100, 0.1, 0.1, 0.1, vol, sign).toFixed(2);
  t.deepEqual(
    [90, 100, 110].map((spot) => at(spot, 0.15, 1)),
    ['0.02', '1.88', '10.01'],
  );
  t.deepEqual(
    [90, 100, 110].map((spot) => at(spot, 0.15, -1)),
    ['10.00', '1.88', '0.04'],
  );
});

test('Hull, 9th ed., example 21.1: the American put is worth 4.28', (t) => {
  t.is(price(50, 50, 5 / 12, 0.1, 0, 0.4, -1).toFixed(2), '4.28');
  t.is(tree([50, 50, 5 / 12, 0.1, 0, 0.4, -1], 501).toFixed(2), '4.28');
});

test('the European price on the tree converges to Black-Scholes with the square of the steps', (t) => {
  const inputs: Inputs = [100, 110, 1, 0.05, 0.02, 0.3, -1];
  const exact = blackScholesPrice(...inputs);
  const error = (steps: number): number => Math.abs(tree(inputs, steps, false) - exact);
  t.true(error(101) < 1e-3);
  t.true(error(1001) < error(101) / 50);
  t.is(tree(inputs, 100), tree(inputs, 101));
});

const between = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const market = fc.tuple(
  between(50, 200),
  between(50, 200),
  between(0.01, 5),
  between(0, 0.15),
  between(0, 0.15),
  between(0.05, 0.8),
  fc.constantFrom(1, -1),
);
const holds = (law: (m: Inputs) => boolean) => fc.assert(fc.property(market, law), { numRuns: 200 });

test('bounds, convexity in the spot, growth with time and volatility, scale, put-call symmetry', (t) => {
  t.notThrows(() =>
    holds((m) => {
      const [s, k, time, rate, dividend, vol, sign] = m;
      const slack = 1e-5 * k;
      const value = price(...m);
      const wings =
        price(s * 0.97, k, time, rate, dividend, vol, sign) + price(s * 1.03, k, time, rate, dividend, vol, sign);
      return (
        value >= Math.max(blackScholesPrice(...m), sign * (s - k)) - slack &&
        value <= (sign > 0 ? s : k) + slack &&
        wings - 2 * value >= -2 * slack &&
        price(s, k, time * 1.1, rate, dividend, vol, sign) >= value - slack &&
        price(s, k, time, rate, dividend, vol * 1.1, sign) >= value - slack &&
        Math.abs(price(8 * s, 8 * k, time, rate, dividend, vol, sign) - 8 * value) <= 1e-9 * k &&
        // The bound of each side is in units of its own strike.
        Math.abs(price(k, s, time, dividend, rate, vol, -sign) - value) <= 1e-6 * (s + k)
      );
    }),
  );
});

test('the approximation is within its stated error of andersen_lake, which grows with the time to expiry', (t) => {
  const random = seeded(33);
  const between = (low: number, high: number): number => low + (high - low) * random();
  for (let n = 0; n < 1_000; n++) {
    const time = Math.exp(between(Math.log(0.02), Math.log(10)));
    const volatility = between(0.05, 0.9);
    const strike = 100 * Math.exp(between(-2, 2) * volatility * Math.sqrt(time));
    const m: Inputs = [100, strike, time, between(0, 0.12), between(0, 0.12), volatility, n % 2 === 0 ? 1 : -1];
    const error = Math.abs(bawPrice(...m) - price(...m)) / Math.max(100, strike);
    t.true(error <= (time < 1 ? 3e-3 : time < 5 ? 2e-2 : 5e-2), `${error} ${m.join(' ')}`);
  }
});

test('an American option without early exercise has the European price', (t) => {
  const assertEuropean = (m: Inputs): void => {
    t.is(price(...m), blackScholesPrice(...m));
    t.is(bawPrice(...m), blackScholesPrice(...m));
  };
  assertEuropean([100, 110, 2, 0.05, 0, 0.3, 1]);
  assertEuropean([100, 110, 2, 0, 0.03, 0.3, -1]);
  assertEuropean([100, 110, 2, -0.02, 0.01, 0.3, -1]);
});

test('with two exercise boundaries the price is NaN in the approximation and finite on the tree', (t) => {
  t.true(Number.isNaN(bawPrice(100, 100, 1, -0.01, -0.03, 0.2, -1)));
  t.true(tree([100, 100, 1, -0.01, -0.03, 0.2, -1], 501) > blackScholesPrice(100, 100, 1, -0.01, -0.03, 0.2, -1));
});

test('without volatility or time the price is the max discounted payoff on the known path', (t) => {
  for (const engine of [price, bawPrice, (...m: Inputs) => tree(m, 101)] as ((...m: Inputs) => number)[]) {
    t.is(engine(90, 100, 0, 0.05, 0, 0.3, -1), 10);
    t.is(engine(90, 100, 1, 0.05, 0, 0, -1), 10);
    t.true(Math.abs(engine(110, 100, 1, 0.1, 0, 0, 1) - (110 - 100 * Math.exp(-0.1))) < 1e-12);
  }
  // With a yield above the rate the spot falls, so the max payoff is at a time between now and expiry.
  const best = Math.log((0.05 * 100) / (0.1 * 80)) / (0.05 - 0.1);
  const along = 100 * Math.exp(-0.05 * best) - 80 * Math.exp(-0.1 * best);
  t.true(Math.abs(price(80, 100, 20, 0.05, 0.1, 0, -1) - along) < 1e-12);
});

test('numeric greeks agree with the exercised payoff and with closed forms of European options', (t) => {
  const numeric = new Float64Array(outputNames.length);
  const value = (name: OutputName): number => numeric[indexOfOutput[name]]!;
  writeNumericGreeks(price, named([30, 100, 1, 0.08, 0, 0.2, -1]), 0.02, numeric);
  t.deepEqual([value('price'), value('gamma'), value('vega')], [70, 0, 0]);
  t.true(Math.abs(value('delta') + 1) < 1e-12 && Math.abs(value('theta')) < 1e-9);

  writeNumericGreeks(blackScholesPrice, named([100, 110, 0.7, 0.04, 0.01, 0.3, 1]), 0.02, numeric);
  const d1 = (Math.log(100 / 110) + (0.03 + 0.045) * 0.7) / (0.3 * Math.sqrt(0.7));
  const density = (Math.exp(-0.5 * d1 * d1) / Math.sqrt(2 * Math.PI)) * Math.exp(-0.007);
  t.true(Math.abs(value('gamma') / (density / (30 * Math.sqrt(0.7))) - 1) < 1e-5);
  t.true(Math.abs(value('vega') / (100 * density * Math.sqrt(0.7)) - 1) < 1e-6);
});

test('theta satisfies the Black-Scholes equation where the option is not exercised', (t) => {
  const out = new Float64Array(outputNames.length);
  writeNumericGreeks(engines.high.price, named([100, 105, 0.8, 0.06, 0.03, 0.25, -1]), 0.02, out);
  const [value, delta, gamma, , theta] = out;
  const expected = 0.06 * value! - 0.03 * 100 * delta! - 0.5 * 0.25 ** 2 * 100 ** 2 * gamma!;
  t.true(Math.abs(theta! - expected) < 1e-3 * Math.abs(expected));
});
