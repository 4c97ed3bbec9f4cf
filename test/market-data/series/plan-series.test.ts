import test from 'ava';
import { createRandom, type Random } from '#load/histories/random.ts';
import type { PriceBar } from '#src/market-data/providers/provider.ts';
import { sameBar, scaledBar } from '#src/market-data/series/bars.ts';
import { periodOf, type Interval } from '#src/market-data/series/periods.ts';
import { runAtOnce } from '#src/kernel/streams/turns.ts';
import { planSeries as planSteps } from '#src/market-data/series/plan-series.ts';
import type { SeriesPlan, StoredSeries } from '#src/market-data/series/series-plan.ts';

const planSeries = (...given: Parameters<typeof planSteps>) => runAtOnce(planSteps(...given));

const dayMs = 86_400_000;
const firstRequested = '2001-01-01';

const dateOf = (index: number, interval: Interval): string =>
  interval === '1day'
    ? new Date(Date.UTC(2000, 10, 1) + index * dayMs).toISOString().slice(0, 10)
    : `${2000 + Math.floor(index / 12)}-${String((index % 12) + 1).padStart(2, '0')}-01`;

const randomBars = (random: Random, interval: Interval, count: number): PriceBar[] => {
  let close = 20 + 500 * random.next();
  return Array.from({ length: count }, (_, index) => {
    close *= 0.97 + 0.062 * random.next();
    const [high, low] = [close * (1 + 0.05 * random.next()), close * (1 - 0.3 * random.next())];
    return { date: dateOf(index, interval), open: low, high, low, close, volume: random.below(1_000) };
  });
};

/** What the table holds after the plan: the same steps as `storeSeries` sends to the database. */
const applied = (plan: SeriesPlan, all: readonly PriceBar[]): PriceBar[] => {
  const rescaled = all.map((bar) =>
    plan.rescaleBefore !== undefined && bar.date < firstRequested ? scaledBar(bar, plan.rescaleBefore) : bar,
  );
  const table = new Map((plan.removesAll ? [] : rescaled).map((bar) => [bar.date, bar]));
  for (const date of plan.removed) table.delete(date);
  for (const bar of plan.changed) table.set(bar.date, bar);
  return [...table.values()].sort((a, b) => (a.date < b.date ? -1 : 1));
};

const storedOf = (all: readonly PriceBar[], interval: Interval, source: 'sample' | 'twelve_data'): StoredSeries => ({
  origin: { source, interval },
  bars: all.filter(({ date }) => date >= firstRequested),
  before: all.findLast(({ date }) => date < firstRequested),
});

const equal = (a: readonly PriceBar[], b: readonly PriceBar[]): boolean =>
  a.length === b.length && a.every((bar, index) => bar.date === b[index]!.date && sameBar(bar, b[index]!));

const isOneUnit = (bars: readonly PriceBar[], factor: number, before: readonly PriceBar[]): boolean =>
  bars.every((bar, index) => Math.abs(bar.close / before[index]!.close / factor - 1) < 1e-9);

test('for 2,000 random corrections the table becomes the answer, or stays as it was; it never has two units', (t) => {
  for (let seed = 0; seed < 2_000; seed += 1) {
    const random = createRandom(seed);
    const interval = random.oneOf(['1day', '1month'] as const);
    const context = { source: 'twelve_data', interval, current: true, quarantineFactor: 5 } as const;
    const all = randomBars(random, interval, 100 + random.below(200));
    const [older, asked] = [
      all.filter(({ date }) => date < firstRequested),
      all.filter(({ date }) => date >= firstRequested),
    ];
    const label = `seed ${seed}`;
    const factor = random.oneOf([1, 1, 1 / 4, 1 / 2, 3, 1 / 20, 100]);
    const withdrawn = random.chance(0.3) ? random.below(asked.length) : undefined;
    const answer = asked
      .map((bar) => (factor === 1 ? bar : scaledBar(bar, factor)))
      .filter((_, index) => index !== withdrawn);
    const last = answer.at(-1)!;
    const relabels = interval === '1month' && random.chance(0.3);
    if (relabels) answer[answer.length - 1] = { ...last, date: `${last.date.slice(0, 8)}17` };
    const plan = planSeries({ symbol: 'X', prices: answer }, storedOf(all, interval, 'twelve_data'), context);
    const table = applied(plan, all);
    const periods = table.map(({ date }) => periodOf(date, interval));
    t.is(new Set(periods).size, periods.length, `${label}: one bar a period`);
    if (factor === 100 || factor === 1 / 20) {
      t.truthy(plan.heldBack, label);
      t.true(equal(table, all), label);
      continue;
    }
    t.is(plan.heldCount, 0, label);
    t.is(plan.replaced?.factor, factor === 1 ? undefined : factor, label);
    t.true(equal(table.slice(older.length), answer), label);
    t.true(isOneUnit(table.slice(0, older.length), factor, older), label);
  }
});

test('for 500 random series of another source the table becomes the answer', (t) => {
  for (let seed = 0; seed < 500; seed += 1) {
    const random = createRandom(seed);
    const context = { source: 'twelve_data', interval: '1day', current: true, quarantineFactor: 5 } as const;
    const all = randomBars(random, '1day', 100 + random.below(200));
    const answer = randomBars(random, '1day', 1 + random.below(300)).filter(({ date }) => date >= firstRequested);
    if (answer.length === 0) continue;
    const plan = planSeries({ symbol: 'X', prices: answer }, storedOf(all, '1day', 'sample'), context);
    t.like(plan.replaced, { symbol: 'X', reason: 'source_changed' });
    t.true(equal(applied(plan, all), answer), `seed ${seed}`);
  }
});

test('a new bar is compared with the last stored bar, also if the answer has no other bar', (t) => {
  const all = randomBars(createRandom(7), '1day', 200);
  const context = { source: 'twelve_data', interval: '1day', current: true, quarantineFactor: 5 } as const;
  const stored: StoredSeries = { origin: { source: 'twelve_data', interval: '1day' }, bars: [], before: all.at(-1)! };
  const close = 1_000_000;
  const bar = { date: '2002-01-01', open: close, high: close, low: close, close, volume: 0 };
  t.like(planSeries({ symbol: 'X', prices: [bar] }, stored, context), { accepted: 0, changed: [], heldCount: 1 });
});

test('a long series is planned in many steps', (t) => {
  const day = (index: number): string => new Date(Date.UTC(1900, 0, 1 + index)).toISOString().slice(0, 10);
  const prices = Array.from({ length: 40_000 }, (_, index) => ({
    date: day(index),
    open: null,
    high: null,
    low: null,
    close: 100,
    volume: null,
  }));
  const origin = { source: 'upload', interval: '1day' } as const;
  const context = { source: 'upload', interval: '1day', current: true, quarantineFactor: 2 } as const;
  const steps = planSteps({ symbol: 'X', prices }, { origin, bars: prices, before: undefined }, context);
  let count = 0;
  let step = steps.next();
  for (; step.done !== true; step = steps.next()) count += 1;
  t.true(count >= 80, `${count} steps`);
  t.like(step.value, { accepted: 40_000, changed: [] });
});
