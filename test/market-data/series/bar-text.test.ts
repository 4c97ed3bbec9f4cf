import test from 'ava';
import { createTurns } from '#src/kernel/streams/turns.ts';
import { decodeBars, encodeBars } from '#src/market-data/providers/bar-text.ts';
import type { PriceBar } from '#src/market-data/providers/provider.ts';

const barsOf = (count: number, actions: Partial<PriceBar>): PriceBar[] =>
  Array.from({ length: count }, (_, day) => ({
    date: new Date(Date.UTC(2000, 0, 1 + day)).toISOString().slice(0, 10),
    open: null,
    high: 2.5,
    low: 1e-9,
    close: 1 + day,
    volume: 7,
    ...actions,
  }));

for (const actions of [{}, { splitFactor: null, dividend: null }, { splitFactor: 2, dividend: 0.1 }]) {
  for (const count of [0, 1, 500, 1_201]) {
    test(`${count} bars with ${JSON.stringify(actions)} become a text and the same bars again`, async (t) => {
      const bars = barsOf(count, actions);
      const text = await encodeBars(bars, createTurns());
      t.is((JSON.parse(text) as unknown[]).length, count);
      t.deepEqual(await decodeBars(text, createTurns()), bars);
    });
  }
}

test('a long series becomes a text, and bars again, in turns of the event loop', async (t) => {
  let now = 0;
  let given = 0;
  // Each look at the clock is 2 ms later, and a turn is due after 3 ms.
  const turns = createTurns({ monotonic: () => (now += 2), nextTurn: async () => void (given += 1) });
  const text = await encodeBars(barsOf(20_000, {}), turns);
  t.true(given >= 10, `${given} turns`);
  given = 0;
  await decodeBars(text, turns);
  t.true(given >= 10, `${given} turns`);
});
