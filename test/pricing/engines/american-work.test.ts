import test from 'ava';
import { noLook } from '#src/pricing/models/search-watch.ts';
import { createAndersenLakeEngine } from '#src/pricing/engines/american/american-engines.ts';
import { createAdaptiveAmerican } from '#src/pricing/engines/american/adaptive-american.ts';
import { deterministicAmericanPut } from '#src/pricing/engines/american/american-limits.ts';
import { panelEnds } from '#src/pricing/engines/american/panels/panel-mesh.ts';
import { createPanelPut } from '#src/pricing/engines/american/panels/panel-put.ts';
import { writePanelGreeks } from '#src/pricing/engines/american/panels/panel-greeks.ts';
import { NOT_CONVERGED } from '#src/pricing/engines/european/implied.ts';
import { indexOfOutput, outputNames } from '#src/pricing/models/outputs.ts';
import { errorBounds, precisions } from '#src/pricing/engines/american/precision.ts';

/** With coverage V8 counts each pass of a loop. */
const tolerance = process.env['NODE_V8_COVERAGE'] === undefined ? 1 : 20;
const processorMs = (work: () => unknown): number => {
  const began = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1_000;
};

test('a search with two boundaries ends after 3 s of the processor, and others do not look at the time', (t) => {
  let now = 0;
  const reads = { count: 0 };
  const engine = createAndersenLakeEngine('process', noLook, () => {
    reads.count += 1;
    return (now += 1_000);
  });
  const put = {
    model: 'andersen_lake',
    option_type: 'put',
    exercise_style: 'american',
    spot: 100,
    strike: 100,
    time_to_expiry: 0.5,
  } as const;
  const option = { ...put, rate: -0.01, dividend_yield: -0.04, volatility: 0.2 };
  t.is(engine.impliedVolatility?.(option, engine.price(option)).volatility, NOT_CONVERGED);
  t.true(reads.count < 20, `${reads.count} reads`);
  reads.count = 0;
  const ordinary = { ...option, rate: 0.03, dividend_yield: 0 };
  const found = engine.impliedVolatility!(ordinary, engine.price(ordinary)).volatility;
  t.true(Math.abs(found - 0.2) < 1e-6, `${found}`);
  t.is(reads.count, 0);
});

test('a mesh has few panels, also where the decay is infinite or no number', (t) => {
  for (const decay of [0, 1e-300, 1, 1e300, Infinity, Number.NaN]) {
    for (const time of [0, 5e-324, 1e-300, 1, 200]) {
      const ends = panelEnds(Math.min(time, 45 / decay), decay, 9);
      t.true(ends.length <= 30, `${ends.length} panels, decay ${decay}, time ${time}`);
    }
  }
});

test('a tiny volatility, also one whose square underflows, gives the price without volatility', (t) => {
  for (const precision of precisions) {
    const price = createAdaptiveAmerican(precision);
    for (const volatility of [5e-324, 1e-300, 1e-160, 1e-100, 1e-16]) {
      for (const [spot, strike, time, rate, dividendYield] of [
        [100, 100, 200, 0, -0.6976],
        [100, 99.96, 7.5, 9.84, 9.25],
        [100, 110, 1, 0.05, 0.02],
        [110, 100, 5, -0.01, -0.03],
      ] as const) {
        const value = price(spot, strike, time, rate, dividendYield, volatility, -1);
        const limit = deterministicAmericanPut(spot, strike, time, rate, dividendYield);
        t.true(
          Math.abs(value - limit) <= errorBounds[precision] * strike,
          `${precision} ${volatility} ${value} ${limit}`,
        );
      }
    }
  }
});

// Newton's method does not converge for these. They took 0.1 to 0.4 s.
const unsolved = [
  { spot: 1, time: 7.5, market: { rate: 9.84, dividendYield: 9.25, volatility: 2.5e-6 } },
  { spot: 1, time: 200, market: { rate: 0, dividendYield: -0.6976, volatility: 1e-6 } },
  { spot: 1, time: 200, market: { rate: 1e-3, dividendYield: -0.6976, volatility: 1e-4 } },
  { spot: 1, time: 1, market: { rate: 1, dividendYield: -0.5, volatility: 1e-160 } },
];
test.serial('a boundary that is not found costs a bounded time', (t) => {
  const panels = createPanelPut();
  panels.price(1, 1, { rate: 0.05, dividendYield: 0, volatility: 0.2 }, 1e-9);
  for (const { spot, time, market } of unsolved) {
    for (const accuracy of [1e-5, 1e-9]) {
      const run = (): number => processorMs(() => panels.price(spot, time, market, accuracy));
      const took = Math.min(run(), run(), run());
      t.log(`${took.toFixed(1)} ms ${JSON.stringify(market)}`);
      t.true(took < 100 * tolerance, `${took} ms ${JSON.stringify(market)}`);
    }
  }
});

// The errors of rounding of the premium are larger than its tolerance there: the first one had kept a process busy for minutes.
const noisy = [
  { time: 200, rate: 0.03, volatility: 6.658933065114633e-9, sign: 1 },
  { time: 47, rate: 0.0402, volatility: 1.01e-9, sign: -1 },
  { time: 7.25, rate: 0.1386, volatility: 2.05e-8, sign: 1 },
  { time: 1, rate: 0.05, volatility: 1e-6, sign: -1 },
];
test.serial('greeks of an option at the money with nearly no volatility cost a bounded time', (t) => {
  const panels = createPanelPut();
  const out = new Float64Array(outputNames.length);
  for (const { time, rate, volatility, sign } of noisy) {
    const option = { spot: 100, strike: 100, time, rate, dividendYield: rate, volatility, sign };
    const run = (): number => processorMs(() => writePanelGreeks(panels.boundaries, option, out, true));
    const took = Math.min(run(), run(), run());
    t.log(`${took.toFixed(1)} ms ${JSON.stringify(option)}`);
    t.true(took < 200 * tolerance, `${took} ms ${JSON.stringify(option)}`);
    // At expiry in no time the spot is as often above as below the strike; later the option is exercised less often.
    const delta = sign * out[indexOfOutput.delta]!;
    t.true(delta > 0.36 && delta < 0.5, String(delta));
  }
});
