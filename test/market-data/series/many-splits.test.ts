import test from 'ava';
import { adjustBars, adjustCloses } from '#src/market-data/series/adjust-bars.ts';

const dayMs = 86_400_000;
const dayOf = (number: number): string => new Date(number * dayMs).toISOString().slice(0, 10);
const barOf = (number: number) => ({
  date: dayOf(number),
  open: 2,
  high: 4,
  low: 1,
  close: 3,
  volume: 10,
});

test('each bar is adjusted by all later splits, in whatever order bars and splits come', (t) => {
  const bars = [5, 1, 3, 9].map(barOf);
  const splits = [
    { date: dayOf(9), factor: 5 },
    { date: dayOf(2), factor: 2 },
    { date: dayOf(5), factor: 3 },
  ];
  const closes = adjustCloses(bars, splits).map(({ close }) => close);
  t.deepEqual(closes, [3 / 5, 3 / 30, 3 / 15, 3]);
  t.deepEqual(
    adjustBars(bars, splits).map(({ close, open, volume }) => [close, open, volume]),
    [
      [3 / 5, 2 / 5, 50],
      [3 / 30, 2 / 30, 300],
      [3 / 15, 2 / 15, 150],
      [3, 2, 10],
    ],
  );
  t.is(adjustCloses(bars, []), bars);
});

test('stored splits whose product is no number of shares give finite prices', (t) => {
  for (const factor of [1e6, 1e-6]) {
    const splits = Array.from({ length: 100 }, (_, number) => ({ date: dayOf(number + 1), factor }));
    for (const bar of adjustBars([barOf(0)], splits)) {
      t.true(Number.isFinite(bar.volume) && Number.isFinite(bar.close) && bar.close > 0);
    }
  }
});

test('a split on each day costs no look at all splits for each bar', (t) => {
  const days = Array.from({ length: 20_000 }, (_, number) => number);
  let looks = 0;
  const splits = days.map((number) => ({
    get date() {
      looks += 1;
      return dayOf(number);
    },
    factor: number % 2 === 0 ? 2 : 0.5,
  }));
  const adjusted = adjustCloses(days.slice(0, 1_000).map(barOf), splits);
  t.is(adjusted.at(-1)!.close, 3 / splits.slice(1_000).reduce((product, { factor }) => product * factor, 1));
  t.true(looks < 100_000, `${looks} looks at a split`);
});
