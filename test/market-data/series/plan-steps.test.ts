import test from 'ava';
import type { PriceBar } from '#src/market-data/providers/provider.ts';
import { planSeries } from '#src/market-data/series/plan-series.ts';
import { findRestatement } from '#src/market-data/series/restatement.ts';

const count = 20_000;
const maxReads = 10_000;

/** Bars and pairs that count how often they are read. */
let reads = 0;
class CountedBar implements PriceBar {
  readonly #bar: PriceBar;
  constructor(bar: PriceBar) {
    this.#bar = bar;
  }
  get date(): string {
    reads += 1;
    return this.#bar.date;
  }
  get close(): number {
    reads += 1;
    return this.#bar.close;
  }
  readonly open = null;
  readonly high = null;
  readonly low = null;
  readonly volume = null;
}

const barsOf = (closeAt: (day: number) => number, step = 1): PriceBar[] =>
  Array.from(
    { length: count / step },
    (_, day) =>
      new CountedBar({
        date: new Date(Date.UTC(1950, 0, 1 + day * step)).toISOString().slice(0, 10),
        open: null,
        high: null,
        low: null,
        close: closeAt(day * step),
        volume: null,
      }),
  );

/** @returns the result, and the largest number of reads in one step */
const run = <Result>(steps: Iterator<undefined, Result, undefined>) => {
  let most = 0;
  for (;;) {
    reads = 0;
    const step = steps.next();
    most = Math.max(most, reads);
    if (step.done === true) return { result: step.value, most };
  }
};

const context = { source: 'sample', interval: '1day', current: true, quarantineFactor: 5 } as const;
const wave = (day: number): number => 100 + 10 * Math.sin(day);
const jump = (day: number): number => (day < count / 2 ? 4 : 1) * wave(day);

for (const [name, fetched, expected] of [
  ['equal', barsOf(wave), { changed: [], heldBack: undefined }],
  ['corrected', barsOf((day) => wave(day) * (day % 2 === 0 ? 1.02 : 1)), { heldBack: undefined }],
  ['restated', barsOf((day) => wave(day) / 4), { replaced: { symbol: 'S', reason: 'restated', factor: 0.25 } }],
  ['short', barsOf(wave, 10), { heldBack: { symbol: 'S', reason: 'short_answer' } }],
  ['restated in part', barsOf(jump), { heldBack: { symbol: 'S', reason: 'restated', factor: 4 } }],
] as const) {
  test(`the plan of a long series is made in small steps: ${name}`, (t) => {
    const stored = { origin: { source: 'sample', interval: '1day' }, bars: barsOf(wave), before: undefined } as const;
    const { result, most } = run(planSeries({ symbol: 'S', prices: fetched }, stored, context));
    t.like(result, expected);
    t.true(most > 0 && most <= maxReads, `${most} reads in one step`);
  });
}

test('a restatement is looked for in small steps', (t) => {
  const pairs = Array.from({ length: count }, (_, index) => ({
    get stored() {
      reads += 1;
      return 100 + (index % 7);
    },
    get fetched() {
      reads += 1;
      return 50 + (index % 7) / 2;
    },
  }));
  const { result, most } = run(findRestatement(pairs));
  t.like(result, { kind: 'restated', factor: 0.5, maxMove: 2 });
  t.true(most > 0 && most <= maxReads, `${most} reads in one step`);
});
