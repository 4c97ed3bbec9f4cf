import test from 'ava';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import { createTurns } from '#src/kernel/streams/turns.ts';
import { marketDays } from '#src/market-data/indexes/market-days.ts';

const work = (milliseconds: number): void => {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
};

test('a turn of the event loop is given only after some milliseconds of work', async (t) => {
  let [now, given] = [0, 0];
  const turns = createTurns({ monotonic: () => now, nextTurn: async () => void (given += 1) });
  await turns.give();
  now = 2;
  await turns.give();
  t.is(given, 0);
  now = 3;
  await turns.give();
  await turns.give();
  t.is(given, 1);
});

test('other work of the event loop gets a turn between two days of a read', async (t) => {
  const count = 20;
  const days = Array.from({ length: count }, (_, day) => ({
    date: new Date(Date.UTC(2024, 0, 1 + day)).toISOString().slice(0, 10),
    assets: '[1]',
    closes: '[10]',
  }));
  // Answers without input and output, so that no wait for a database gives the turns.
  const query = (async (text: string) => {
    if (text.includes('as span')) return [{ first: days[0]!.date, last: days.at(-1)!.date }];
    return text.includes('from corporate_actions') ? [] : days;
  }) as unknown as Query;
  let [turns, running] = [0, true];
  const tick = (): void => {
    turns += 1;
    if (running) setImmediate(tick);
  };
  setImmediate(tick);
  let seen = 0;
  for await (const { closes } of marketDays({ query }, { assets: [1], after: null, to: null })) {
    seen += closes.length;
    work(6);
  }
  running = false;
  t.is(seen, count);
  t.true(turns >= count - 1, `${turns} turns`);
});
