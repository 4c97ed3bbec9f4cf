import test from 'ava';
import { createAdaptiveAmerican } from '#src/pricing/engines/american/adaptive-american.ts';
import { createFiniteDifferenceEngine } from '#src/pricing/engines/finite-difference/finite-difference-engine.ts';
import { gridErrorBound } from '#src/pricing/engines/finite-difference/grid-price.ts';
import type { DividendPayment, SpotOption } from '#src/pricing/models/engine.ts';
import { indexOfOutput, outputNames, type OutputName } from '#src/pricing/models/outputs.ts';
import { spotDividendTree } from '#testkit/pricing-reference/spot-dividend-tree.ts';
import reference from '#testkit/pricing-reference/dividends.json' with { type: 'json' };

const engine = createFiniteDifferenceEngine();
const usual = { spot: 100, strike: 100, time_to_expiry: 1, rate: 0.05, volatility: 0.3 } as const;
const option = (inputs: Partial<SpotOption>): SpotOption => ({
  ...usual,
  model: 'finite_difference',
  option_type: 'put',
  exercise_style: 'american',
  dividend_yield: 0,
  ...inputs,
});
const paid = (pairs: readonly (readonly number[])[]): DividendPayment[] =>
  pairs.map(([time, amount]) => ({ time: time!, amount: amount! }));
const greeksOf = (o: SpotOption): Record<OutputName, number> => {
  const out = new Float64Array(outputNames.length + 1);
  engine.evaluate(o, out);
  return Object.fromEntries(outputNames.map((name) => [name, out[indexOfOutput[name]]!])) as Record<OutputName, number>;
};
const random = (seed: number) => {
  let state = seed;
  return (from: number, to: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return from + ((to - from) * state) / 2 ** 32;
  };
};

test('one dividend: European options and the American call are within the bound of their integrals', (t) => {
  for (const row of reference.exact) {
    const [spot, strike, time_to_expiry, rate, volatility, time, amount, ...prices] = row as [
      ...[number, number, number, number, number, number, number],
      ...number[],
    ];
    const market = { spot, strike, time_to_expiry, rate, volatility, dividends: [{ time, amount }] };
    const values = [
      engine.price(option({ ...market, option_type: 'call', exercise_style: 'european' })),
      engine.price(option({ ...market, exercise_style: 'european' })),
      engine.price(option({ ...market, option_type: 'call' })),
    ];
    for (const [k, value] of values.entries()) {
      const error = Math.abs(value - prices[k]!) / Math.max(spot, strike);
      t.true(error <= gridErrorBound, `${k} ${error} ${JSON.stringify(row)}`);
    }
  }
});

test('several dividends: American options are within the bound of a grid in the spot with another method', (t) => {
  for (const [inputs, dividends, price, error] of reference.grid as [number[], number[][], number, number][]) {
    const [spot, strike, time_to_expiry, rate, volatility, sign] = inputs as [
      ...[number, number, number, number, number, number],
    ];
    const o = option({ spot, strike, time_to_expiry, rate, volatility, dividends: paid(dividends) });
    const value = engine.price({ ...o, option_type: sign > 0 ? 'call' : 'put' });
    t.true(
      Math.abs(value - price) <= gridErrorBound * Math.max(spot, strike) + error,
      `${value} ${price} ${inputs.join(' ')}`,
    );
  }
});

test('without dividends the price is within the bound of andersen_lake at high precision', (t) => {
  const high = createAdaptiveAmerican('high');
  const between = random(5);
  for (let n = 0; n < 60; n++) {
    const strike = 100 * Math.exp(between(-0.4, 0.4));
    const time = Math.exp(between(-4, 1.6));
    const [rate, dividend_yield, volatility] = [between(0, 0.1), between(0, 0.1), between(0.05, 0.7)];
    for (const [option_type, sign] of [
      ['put', -1],
      ['call', 1],
    ] as const) {
      const o = option({ strike, time_to_expiry: time, rate, dividend_yield, volatility, option_type });
      const exact = high(100, strike, time, rate, dividend_yield, volatility, sign);
      const error = Math.abs(engine.price(o) - exact) / Math.max(100, strike);
      t.true(error <= gridErrorBound, `${error} ${JSON.stringify(o)}`);
    }
  }
});

test('random options agree with a tree of many steps, whose error falls with their number', (t) => {
  const between = random(11);
  for (let n = 0; n < 12; n++) {
    const time = between(0.2, 2);
    const dividends = paid([
      [0.3 * time, between(0, 4)],
      [0.7 * time, between(0, 4)],
    ]);
    const inputs = { strike: between(80, 120), rate: between(0, 0.1), volatility: between(0.15, 0.5), dividends };
    const american = n % 4 !== 0;
    const o = option({
      ...inputs,
      time_to_expiry: time,
      option_type: n % 2 === 0 ? 'call' : 'put',
      exercise_style: american ? 'american' : 'european',
    });
    const tree = (steps: number): number =>
      spotDividendTree({ ...inputs, spot: 100, time, sign: n % 2 === 0 ? 1 : -1, american }, steps);
    const [coarse, fine] = [0.5 * (tree(400) + tree(401)), 0.5 * (tree(800) + tree(801))];
    const value = engine.price(o);
    t.true(
      Math.abs(value - fine) <= 3 * Math.abs(fine - coarse) + 0.01,
      `${value} ${fine} ${coarse} ${JSON.stringify(o)}`,
    );
  }
});

test('the time, the order and the grouping of dividends count as they should', (t) => {
  const dividends = paid([
    [0.2, 1],
    [0.6, 2],
  ]);
  for (const option_type of ['put', 'call'] as const) {
    const o = option({ option_type, dividends });
    const price = engine.price(o);
    t.is(engine.price({ ...o, dividends: dividends.toReversed() }), price);
    t.is(
      engine.price({ ...o, dividends: [...dividends, { time: 1.01, amount: 50 }, { time: 0.5, amount: 0 }] }),
      price,
    );
    const split = paid([
      [0.2, 1],
      [0.6, 1.5],
      [0.6, 0.5],
    ]);
    t.is(engine.price({ ...o, dividends: split }), price);
    t.true(price >= engine.price({ ...o, exercise_style: 'european' }) - 1e-9);
  }
  // An American call is exercised before the dividend of the expiry, and a put after it.
  const atExpiry = paid([[1, 5]]);
  const call = engine.price(option({ option_type: 'call', dividends: atExpiry }));
  t.true(Math.abs(call - engine.price(option({ option_type: 'call' }))) < 2e-3);
  const put = engine.price(option({ dividends: atExpiry, rate: 0 }));
  t.true(Math.abs(put - engine.price(option({ strike: 105, rate: 0 }))) < 2e-3);
  const nearly = engine.price(option({ dividends: paid([[1 - 1e-6, 5]]), rate: 0 }));
  t.true(Math.abs(put - nearly) < 2e-3, `${put} ${nearly}`);
});

test('greeks are the derivatives of the price, also by the dates of the dividends', (t) => {
  const dividends = paid([
    [0.15, 1],
    [0.65, 1],
  ]);
  for (const option_type of ['put', 'call'] as const) {
    const o = option({ option_type, dividends, strike: 102 });
    const greeks = greeksOf(o);
    const slope = (change: (h: number) => Partial<SpotOption>, h: number): number =>
      (engine.price({ ...o, ...change(h) }) - engine.price({ ...o, ...change(-h) })) / (2 * h);
    const later = (h: number): Partial<SpotOption> => ({
      time_to_expiry: 1 - h,
      dividends: dividends.map(({ time, amount }) => ({ amount, time: time - h })),
    });
    const near = (name: OutputName, value: number, tolerance: number) =>
      t.true(Math.abs(greeks[name] - value) <= tolerance, `${option_type} ${name} ${greeks[name]} ${value}`);
    near(
      'delta',
      slope((h) => ({ spot: 100 + h }), 1),
      1e-3,
    );
    near(
      'vega',
      slope((h) => ({ volatility: 0.3 + h }), 0.02),
      0.1,
    );
    near('theta', slope(later, 0.02), 0.05);
    near(
      'rho',
      slope((h) => ({ rate: 0.05 + h }), 0.01),
      0.2,
    );
    near(
      'dividend_rho',
      slope((h) => ({ dividend_yield: h }), 0.01),
      0.5,
    );
    near(
      'dual_delta',
      slope((h) => ({ strike: 102 + h }), 1),
      1e-3,
    );
    const deltaAt = (spot: number): number => greeksOf({ ...o, spot }).delta;
    near('gamma', (deltaAt(101) - deltaAt(99)) / 2, 1e-4);
    const out = new Float64Array(outputNames.length + 1).fill(Number.NaN);
    engine.firstOrder!(o, out);
    for (const name of ['price', 'delta', 'gamma', 'vega', 'theta', 'rho', 'dividend_rho'] as const) {
      t.is(out[indexOfOutput[name]], greeks[name]);
    }
  }
});

test('an option in its exercise region has the payoff and its greeks', (t) => {
  const greeks = greeksOf(option({ spot: 50, dividends: paid([[0.001, 0.01]]), time_to_expiry: 0.5, volatility: 0.2 }));
  const deep = greeksOf(option({ spot: 50, time_to_expiry: 0.5, volatility: 0.2 }));
  t.is(deep.price, 50);
  t.like(deep, { delta: -1, gamma: 0, vega: 0, theta: 0, rho: 0, dual_delta: 1 });
  t.true(greeks.price > 50);
});

test('without time or volatility the price is the best exercise on the known path', (t) => {
  const dividends = paid([[0.5, 10]]);
  const call = option({ option_type: 'call', volatility: 0, strike: 95, dividends });
  const before = 100 - 95 * Math.exp(-0.025);
  t.true(Math.abs(engine.price(call) - before) < 1e-12);
  t.true(Math.abs(engine.price({ ...call, exercise_style: 'european' }) - 0) < 1e-12);
  const put = option({ volatility: 0, strike: 110, rate: 0.01, dividends });
  const after = 110 * Math.exp(-0.005) - (100 - 10 * Math.exp(-0.005));
  t.true(Math.abs(engine.price(put) - after) < 1e-12, `${engine.price(put)} ${after}`);
  t.is(engine.price(option({ time_to_expiry: 0, strike: 110 })), 10);
  t.is(engine.price(option({ time_to_expiry: 0, strike: 90 })), 0);
});

test('an option that no grid prices within the bound is refused, never answered', (t) => {
  const refused = (o: SpotOption): string | undefined => {
    t.true(Number.isNaN(engine.price(o)), JSON.stringify(o));
    t.true(Number.isNaN(greeksOf(o).delta));
    return (engine.refusal!(o) ?? engine.failure)?.code;
  };
  for (const far of [{ volatility: 20 }, { volatility: 0.5, time_to_expiry: 100 }, { rate: 5, time_to_expiry: 10 }]) {
    t.is(refused(option(far)), 'not_converged');
  }
  t.is(
    refused(
      option({
        dividends: paid([
          [0.5, 60],
          [0.7, 60],
        ]),
      }),
    ),
    'dividends_exceed_spot',
  );
  t.is(refused(option({ rate: -0.01, dividend_yield: -0.03 })), 'double_boundary');
});
