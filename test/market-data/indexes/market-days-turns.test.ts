import test from 'ava';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import { createTurns } from '#src/kernel/streams/turns.ts';
import { calculateIndexValues } from '#src/market-data/indexes/calculate-index-values.ts';
import type { Universe } from '#src/market-data/indexes/universes.ts';
import { addDays } from '#src/kernel/calendar.ts';
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

test('a calculation ends between two days when its signal aborts', async (t) => {
  const controller = new AbortController();
  const reason = new Error('late');
  const days = ['2024-01-01', '2024-01-02', '2024-01-03'].map((date) => ({ date, assets: '[1]', closes: '[10]' }));
  let [first, statements] = [0, 0];
  const query = (async (text: string) => {
    if (controller.signal.aborted) statements += 1;
    if (text.includes('as span')) return [{ first: '2024-01-01', last: '2024-01-03' }];
    if (text.includes('from corporate_actions')) return [];
    if (text.includes('string_agg(close')) {
      first += 1;
      controller.abort(reason);
      return days;
    }
    return [];
  }) as unknown as Query;
  const definition = { code: 'IX', name: 'IX', method: 'rebased', constituents: ['AAA'] } as const;
  const ids = { assets: new Map([['AAA', 1]]), indexes: new Map([['IX', 1]]) };
  const universe = { name: 'desk', interval: '1day', indexes: [definition] } as unknown as Universe;
  const changed = { from: null, sharedSymbols: new Set(['AAA']), signal: controller.signal };
  t.is(await t.throwsAsync(calculateIndexValues({ query }, ids, universe, changed)), reason);
  t.is(first, 1);
  t.is(statements, 1, 'the actions of the days that were read, and no values');
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

/** A table of actions, one of the asset 1 on each day from `first` on, as the statements of `marketDays` read it. */
const actionsBetween = (first: string, [, from, to]: readonly unknown[]) => {
  const rows = [];
  for (let date = first > String(from) ? first : String(from); date <= String(to); date = addDays(date, 1)) {
    rows.push({ date, assets: '[1]', dividends: '[null]', splits: '[null]', shares: '[5]' });
  }
  return rows;
};

test('actions between two closes are read in parts, and each of them comes once', async (t) => {
  const [firstAction, first] = ['2020-01-01', '2024-01-01'];
  const read: number[] = [];
  const query = (async (text: string, parameters: readonly unknown[]) => {
    if (text.includes('as span')) return [{ first, last: first, firstAction }];
    if (!text.includes('from corporate_actions')) return [{ date: first, assets: '[1]', closes: '[10]' }];
    const rows = actionsBetween(firstAction, parameters);
    read.push(rows.length);
    return rows;
  }) as unknown as Query;
  // The closes of 1,000 assets are read for 320 days at a time.
  const assets = Array.from({ length: 1_000 }, (_, index) => index + 1);
  const dates: string[] = [];
  for await (const { actions, closes } of marketDays({ query }, { assets, after: '2019-12-31', to: null })) {
    t.is(actions.length, 1);
    dates.push(actions[0]!.date);
    t.is(closes.length, actions[0]!.date === first ? 1 : 0);
  }
  t.deepEqual(
    dates,
    actionsBetween(firstAction, [assets, firstAction, first]).map(({ date }) => date),
  );
  t.deepEqual(read, [320, 320, 320, 320, 181, 1]);
});

test('the work for a day does not depend on the number of later actions', async (t) => {
  const first = '1800-01-01';
  const actions = actionsBetween(first, [null, first, addDays(first, 99_999)]);
  const closes = actions.map(({ date }) => ({ date, assets: '[1]', closes: '[10]' }));
  const query = (async (text: string) => {
    if (text.includes('as span')) return [{ first, last: closes.at(-1)!.date, firstAction: first }];
    return text.includes('from corporate_actions') ? actions : closes;
  }) as unknown as Query;
  const began = performance.now();
  let days = 0;
  for await (const day of marketDays({ query }, { assets: [1], after: '1799-12-31', to: null })) {
    days += day.actions.length;
    if (performance.now() - began > 10_000) break;
  }
  t.is(days, 100_000, 'a copy of the later actions for each day takes a minute');
});
