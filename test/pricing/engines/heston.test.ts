import test from 'ava';
import fc from 'fast-check';
import type { HestonInputs } from '#src/pricing/models/engine.ts';
import { blackScholesPrice } from '#src/pricing/engines/european/black-scholes.ts';
import { createHeston } from '#src/pricing/engines/heston/heston.ts';
import { indexOfOutput, outputNames, type OutputName } from '#src/pricing/models/outputs.ts';
import reference from '#testkit/pricing-reference/heston.json' with { type: 'json' };

const heston = createHeston();
const out = new Float64Array(outputNames.length);
type Market = { s: number; k: number; time: number; rate: number; dividend: number };
const run = ({ s, k, time, rate, dividend }: Market, model: HestonInputs, sign: number, greeks = false) => {
  heston(s, k, time, rate, dividend, model, sign, greeks, out);
  return out[0]!;
};
const greeksOf = (market: Market, model: HestonInputs, sign: number): Record<OutputName, number> => {
  run(market, model, sign, true);
  return Object.fromEntries(outputNames.map((name) => [name, out[indexOfOutput[name]]!])) as Record<OutputName, number>;
};

test('prices agree with 30-digit values to 1e-9 of the spot, also for short expiries and far strikes', (t) => {
  for (const row of reference.rows) {
    const [s, k, time, rate, dividend, v0, kappa, theta, sigma, rho, value] = row as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const price = run({ s, k, time, rate, dividend }, { v0, kappa, theta, sigma, rho }, 1);
    t.true(Math.abs(price - value) <= 1e-9 * s, JSON.stringify(row));
  }
});

// Reference prices that A. Lewis published (wilmott.com, "A Heston benchmark"; in QuantLib's test suite since 1.18).
const lewis = { v0: 0.04, kappa: 4, theta: 0.25, sigma: 1, rho: -0.5 };
const lewisPrices: [strike: number, put: number, call: number][] = [
  [80, 7.958878113256768, 26.774758743998856],
  [90, 12.017966707346305, 20.93334900059671],
  [100, 17.05527096127011, 16.070154917028834],
  [110, 23.0178258984428, 12.132211516709845],
  [120, 29.811026202682473, 9.024913483457835],
];
test('prices agree with the Lewis benchmark to 1e-12', (t) => {
  for (const [k, put, call] of lewisPrices) {
    const market = { s: 100, k, time: 1, rate: 0.01, dividend: 0.02 };
    t.true(Math.abs(run(market, lewis, -1) - put) < 1e-12);
    t.true(Math.abs(run(market, lewis, 1) - call) < 1e-12);
  }
});

test('without volatility of variance the price is that of Black-Scholes with the mean variance', (t) => {
  for (const sigma of [0, 1e-12, 1e-9, 1e-7]) {
    for (const [kappa, k] of [
      [0, 100],
      [1.5, 130],
      [1.5, 60],
    ] as const) {
      const model = { v0: 0.09, kappa, theta: 0.04, sigma, rho: -0.7 };
      const share = kappa === 0 ? 1 : (1 - Math.exp(-kappa * 2)) / (kappa * 2);
      const vol = Math.sqrt(0.04 + (0.09 - 0.04) * share);
      const exact = blackScholesPrice(100, k, 2, 0.03, 0.01, vol, 1);
      const tolerance = 1e-10 + 10 * sigma;
      t.true(
        Math.abs(run({ s: 100, k, time: 2, rate: 0.03, dividend: 0.01 }, model, 1) - exact) < tolerance,
        `${sigma}`,
      );
    }
  }
});

test('prices of extreme inputs are finite and within their bounds', (t) => {
  const markets: [Partial<Market>, Partial<HestonInputs>][] = [
    [{ time: 1e-6, k: 100.01 }, {}],
    [{ time: 1e-4, k: 103 }, {}],
    [{ k: 1e4 }, {}],
    [{ k: 0.01 }, {}],
    [{ time: 40 }, {}],
    [{}, { v0: 0 }],
    [{}, { rho: 1 }],
    [{}, { rho: -1 }],
    [{}, { kappa: 0 }],
    [{}, { theta: 0 }],
    [{ time: 10 }, { v0: 0.04, kappa: 0.1, theta: 0.01, sigma: 2, rho: 0.9 }],
    [
      { time: 0.01, k: 120 },
      { v0: 0.01, kappa: 0.1, theta: 0.01, sigma: 2, rho: -0.9 },
    ],
  ];
  for (const [change, parameters] of markets) {
    const market = { s: 100, k: 100, time: 1, rate: 0, dividend: 0, ...change };
    for (const sign of [1, -1]) {
      const value = run(market, { ...lewis, ...parameters }, sign);
      const minPrice = Math.max(sign * (market.s - market.k), 0);
      t.true(
        value >= minPrice - 1e-9 && value <= Math.max(market.s, market.k),
        JSON.stringify([change, parameters, value]),
      );
    }
  }
  t.is(run({ s: 100, k: 90, time: 0, rate: 0.1, dividend: 0 }, lewis, 1), 10);
  t.like(greeksOf({ s: 100, k: 90, time: 0, rate: 0.1, dividend: 0 }, lewis, 1), { delta: 1, gamma: 0, vega: 0 });
  const none = { ...lewis, v0: 0, theta: 0 };
  t.true(
    Math.abs(run({ s: 100, k: 90, time: 1, rate: 0.1, dividend: 0 }, none, 1) - (100 - 90 * Math.exp(-0.1))) < 1e-12,
  );
});

const between = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const worlds = fc.tuple(
  fc.record({
    s: fc.constant(100),
    k: between(40, 250),
    time: between(0.02, 8),
    rate: between(-0.05, 0.1),
    dividend: between(-0.05, 0.1),
  }),
  fc.record({
    v0: between(0.001, 0.5),
    kappa: between(0.2, 6),
    theta: between(0.001, 0.5),
    sigma: between(0.01, 1.5),
    rho: between(-0.95, 0.95),
  }),
);

test('prices satisfy put-call parity, their bounds and convexity in the strike', (t) => {
  const law = ([market, model]: [Market, HestonInputs]): boolean => {
    const { s, k, time, rate, dividend } = market;
    const call = run(market, model, 1);
    const asset = s * Math.exp(-dividend * time);
    const cash = k * Math.exp(-rate * time);
    const wings = run({ ...market, k: k * 0.9 }, model, 1) + run({ ...market, k: k * 1.1 }, model, 1);
    return (
      Math.abs(call - run(market, model, -1) - (asset - cash)) < 1e-9 &&
      call >= Math.max(asset - cash, 0) - 1e-9 &&
      call <= asset + 1e-9 &&
      wings - 2 * call >= -1e-8
    );
  };
  t.notThrows(() => fc.assert(fc.property(worlds, law), { numRuns: 300 }));
});

test('greeks are the derivatives of the price', (t) => {
  const market = { s: 95, k: 100, time: 0.7, rate: 0.03, dividend: 0.01 };
  const model = { v0: 0.05, kappa: 1.5, theta: 0.06, sigma: 0.7, rho: -0.6 };
  const slope = (f: (x: number) => number, x: number, h: number): number =>
    (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h);
  const at = (change: Partial<Market>, root = Math.sqrt(model.v0)) =>
    run({ ...market, ...change }, { ...model, v0: root * root }, -1);
  const root = Math.sqrt(model.v0);
  const greeks = greeksOf(market, model, -1);
  const numeric: [OutputName, number][] = [
    ['delta', slope((s) => at({ s }), 95, 0.5)],
    ['theta', -slope((time) => at({ time }), 0.7, 0.01)],
    ['rho', slope((rate) => at({ rate }), 0.03, 1e-3)],
    ['dividend_rho', slope((dividend) => at({ dividend }), 0.01, 1e-3)],
    ['vega', slope((x) => at({}, x), root, 0.004)],
    ['dual_delta', slope((k) => at({ k }), 100, 0.5)],
    ['gamma', slope((x) => slope((s) => at({ s }), x, 0.5), 95, 0.5)],
    ['vanna', slope((x) => slope((s) => at({ s }, x), 95, 0.5), root, 0.004)],
    ['volga', slope((y) => slope((x) => at({}, x), y, 0.004), root, 0.004)],
    ['dual_gamma', slope((x) => slope((k) => at({ k }), x, 0.5), 100, 0.5)],
    ['speed', slope((y) => slope((x) => slope((s) => at({ s }), x, 0.5), y, 0.5), 95, 0.5)],
  ];
  for (const [name, value] of numeric)
    t.true(Math.abs(greeks[name] / value - 1) < 1e-4, `${name} ${greeks[name]} ${value}`);
});
