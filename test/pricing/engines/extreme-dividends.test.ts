import test from 'ava';
import {
  createFiniteDifferenceEngine,
  LIMIT_DEVIATION,
} from '#src/pricing/engines/finite-difference/finite-difference-engine.ts';
import { layoutOf } from '#src/pricing/engines/finite-difference/grid-layout.ts';
import { gridErrorBound, MAX_DEVIATION } from '#src/pricing/engines/finite-difference/grid-price.ts';
import { intervalsOf, sortDividends, type GridProblem } from '#src/pricing/engines/finite-difference/grid-problem.ts';
import type { DividendPayment, SpotOption } from '#src/pricing/models/engine.ts';
import { indexOfOutput, outputNames, type OutputName } from '#src/pricing/models/outputs.ts';
import { seeded } from '#testkit/american/random-americans.ts';
import { oneDividendPrice } from '#testkit/pricing-reference/one-dividend.ts';

const engine = createFiniteDifferenceEngine();
/** Nodes of the coarsest grid after a dividend: 300 between its edges, and a few because edges are rounded. */
const MAX_NODES = 320;
const MAX_BUFFER_BYTES = 4e6;

const option = (inputs: Partial<SpotOption>): SpotOption => ({
  model: 'finite_difference',
  option_type: 'put',
  exercise_style: 'american',
  spot: 100,
  strike: 100,
  time_to_expiry: 1,
  rate: 0,
  dividend_yield: 0,
  volatility: 0.2,
  ...inputs,
});
const signOf = (o: SpotOption): number => (o.option_type === 'call' ? 1 : -1);
const greeksOf = (o: SpotOption): Record<OutputName, number> => {
  const out = new Float64Array(outputNames.length + 1);
  engine.evaluate(o, out);
  return Object.fromEntries(outputNames.map((name) => [name, out[indexOfOutput[name]]!])) as Record<OutputName, number>;
};
/** Bytes of new arrays that are in use after the function. */
const bytesAfter = (work: () => void): number => {
  const before = process.memoryUsage().arrayBuffers;
  work();
  return process.memoryUsage().arrayBuffers - before;
};
/** The number of nodes for which the solvers have buffers, or undefined if there is no layout. */
const nodesOf = (o: SpotOption): number | undefined => {
  const { spot, strike, time_to_expiry: time, rate, dividend_yield: dividendYield, volatility } = o;
  const problem: GridProblem = {
    spot,
    strike,
    time,
    rate,
    dividendYield,
    volatility,
    sign: signOf(o),
    american: o.exercise_style === 'american',
    ...sortDividends(o.dividends ?? [], time),
  };
  const intervals = intervalsOf(problem);
  const layout = intervals && layoutOf(problem, intervals);
  if (layout === undefined) return undefined;
  const later = layout.grids.slice(1);
  return Math.max(...later.map((grid) => grid.to)) - Math.min(...later.map((grid) => grid.from));
};

for (const volatility of [1e-9, 1e-7, 5e-6, 2e-5, 1e-3, 0.01, 0.2]) {
  test(`volatility ${volatility}: two dividends, of which one leaves nearly nothing, need few nodes`, (t) => {
    const dividends = [
      { time: 0.3, amount: 1e-6 },
      { time: 0.6, amount: 100 - 1e-6 - 1e-8 },
    ];
    const bytes = bytesAfter(() => {
      for (const exercise_style of ['american', 'european'] as const) {
        for (const option_type of ['put', 'call'] as const) {
          const o = option({ volatility, exercise_style, option_type, dividends });
          t.true(nodesOf(o)! <= MAX_NODES, `${nodesOf(o)} nodes`);
          const price = engine.price(o);
          // Without a rate a put is not exercised before the last dividend, and the first one is as if it was paid at once.
          const exact = oneDividendPrice({
            spot: 100 - 1e-6,
            strike: 100,
            time: 1,
            rate: 0,
            volatility,
            sign: signOf(o),
            american: exercise_style === 'american' && option_type === 'call',
            paidAt: 0.6,
            amount: dividends[1]!.amount,
          });
          t.true(Math.abs(price - exact) <= gridErrorBound * 100, `${price} ${exact} ${JSON.stringify(o)}`);
          const greeks = greeksOf(o);
          t.is(greeks.price, price);
          // Without volatility a changed rate can bring the spot below the dividend, so rho is refused there.
          const ofRate = volatility > LIMIT_DEVIATION ? (['rho', 'dividend_rho'] as const) : [];
          for (const name of ['delta', 'gamma', 'theta', 'vega', ...ofRate] as const) {
            t.true(Number.isFinite(greeks[name]), `${name} ${greeks[name]}`);
          }
          t.true(Math.abs(greeks.delta) <= 1 + 1e-6, `delta ${greeks.delta}`);
        }
      }
    });
    t.true(bytes <= MAX_BUFFER_BYTES, `${bytes} bytes`);
  });
}

for (const [volatility, rest] of [
  [1e-4, 0.03],
  [1e-3, 0.1],
  [0.01, 0.3],
  [0.1, 0.3],
] as const) {
  test(`volatility ${volatility}: a dividend that leaves ${rest} % of the spot, and options on the rest`, (t) => {
    for (const paidAt of [0.1, 0.6, 0.95]) {
      for (const strike of [0.1 * rest, 0.5 * rest, rest, 1.5 * rest, 10 * rest]) {
        for (const [sign, american] of [[1, false] as const, [1, true] as const, [-1, false] as const]) {
          const amount = 100 - rest;
          const price = engine.price(
            option({
              volatility,
              strike,
              dividends: [{ time: paidAt, amount }],
              option_type: sign > 0 ? 'call' : 'put',
              exercise_style: american ? 'american' : 'european',
            }),
          );
          const market = { spot: 100, strike, time: 1, rate: 0, volatility };
          const exact = oneDividendPrice({ ...market, sign, american, paidAt, amount });
          t.true(Math.abs(price - exact) <= gridErrorBound * 100, `${price} ${exact}, strike ${strike}, ${sign}`);
        }
      }
    }
  });
}

const random = seeded(3801);
const between = (low: number, high: number): number => low + (high - low) * random();
const magnitude = (low: number, high: number): number => Math.exp(between(Math.log(low), Math.log(high)));
const oneOf = <T>(...values: readonly T[]): T => values[Math.floor(random() * values.length)]!;

/** Dividends of which each leaves nearly nothing, nearly all, or a usual share of the spot on the mean path. */
const extremeDividends = (spot: number, growth: number, times: readonly number[]): DividendPayment[] => {
  let [rest, from] = [spot, 0];
  return times.map((time) => {
    rest *= Math.exp(growth * (time - from));
    from = time;
    const amount = rest * (1 - oneOf(magnitude(1e-14, 1), 1 - magnitude(1e-14, 1), between(0.5, 1)));
    rest -= amount;
    return { time, amount };
  });
};

const extremeOption = (): SpotOption => {
  const time_to_expiry = oneOf(1, 1, magnitude(1e-6, 200), magnitude(1e-200, 1));
  const deviation = oneOf(magnitude(2e-11, MAX_DEVIATION), magnitude(1e-6, 0.01), magnitude(0.01, 1));
  const volatility = Math.min(deviation / Math.sqrt(time_to_expiry), 100);
  const spot = oneOf(100, magnitude(1e-9, 1e11));
  const rate = oneOf(0, between(-0.05, 0.1), between(0, 10) / Math.max(time_to_expiry, 1));
  const times = Array.from(
    { length: oneOf(1, 2, 2, 3, 5, 20) },
    () => time_to_expiry * oneOf(random(), magnitude(1e-13, 1)),
  );
  times.sort((a, b) => a - b);
  return option({
    spot,
    strike: spot * oneOf(1, magnitude(1e-5, 1e4)),
    time_to_expiry,
    rate,
    volatility,
    exercise_style: oneOf('american', 'european'),
    option_type: oneOf('put', 'call'),
    dividends: extremeDividends(spot, rate, times),
  });
};

test('random extreme dividends: few nodes, little memory, and a price between its limits or a refusal', (t) => {
  let [priced, refused] = [0, 0];
  const bytes = bytesAfter(() => {
    for (let n = 0; n < 400; n++) {
      const o = extremeOption();
      if (engine.refusal!(o) !== undefined) continue;
      const deviation = o.volatility * Math.sqrt(o.time_to_expiry);
      const nodes = nodesOf(o);
      t.true(nodes === undefined || nodes <= MAX_NODES, `${nodes} nodes ${JSON.stringify(o)}`);
      const price = engine.price(o);
      const greeks = n % 4 === 0 ? greeksOf(o) : { price, delta: 0 };
      if (Number.isNaN(price)) {
        refused++;
        t.is(engine.failure!.code, 'not_converged');
        t.true(Number.isNaN(greeks.price), JSON.stringify(o));
        continue;
      }
      priced++;
      const discount = Math.exp(-o.rate * o.time_to_expiry);
      const american = o.exercise_style === 'american';
      const cash = o.strike * (american ? Math.max(discount, 1) : discount);
      const allowed = gridErrorBound * Math.max(o.spot, o.strike);
      const low = american ? Math.max(signOf(o) * (o.spot - o.strike), 0) : 0;
      const high = signOf(o) < 0 ? cash : o.spot;
      t.true(price >= low && price <= high + allowed, `${price} ${low} ${high} ${JSON.stringify(o)}`);
      t.true(Math.abs(greeks.price - price) <= allowed, `${greeks.price} ${price} ${JSON.stringify(o)}`);
      if (deviation > LIMIT_DEVIATION)
        t.true(Number.isFinite(greeks.delta), `delta ${greeks.delta} ${JSON.stringify(o)}`);
    }
  });
  t.true(bytes <= MAX_BUFFER_BYTES, `${bytes} bytes`);
  t.true(priced > 4 * refused, `${priced} prices, ${refused} refused`);
});

test('a layout whose spots are no numbers of a double is refused', (t) => {
  const dividends = [{ time: 0.5, amount: 99 }];
  t.is(nodesOf(option({ dividends, volatility: 1e3 })), undefined);
  t.is(nodesOf(option({ dividends, volatility: Number.NaN })), undefined);
});
