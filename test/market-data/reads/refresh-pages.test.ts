import test from 'ava';
import type { SnapshotReader } from '#src/kernel/ports/unit-of-work.ts';
import { createMarketDataQueries } from '#src/market-data/reads/queries.ts';

const ids = Array.from({ length: 300 }, (_, each) => `00000000-0000-0000-0000-${String(999 - each).padStart(12, '0')}`);

const setup = () => {
  const limits: number[] = [];
  const query = async (_: string, [after, , , limit]: readonly [string | null, null, null, number]) => {
    limits.push(limit);
    return ids
      .filter((id) => after === null || id < after)
      .slice(0, limit)
      .map((id) => ({ id, reason: null, error_detail: null }));
  };
  const reader = { query } as unknown as SnapshotReader;
  const queries = createMarketDataQueries({ reader, primary: reader, explanationPlaces: { use: (work) => work() } });
  const read = async (after: string | null, limit: number) =>
    (await queries.refreshes({ after, from: null, to: null, limit })).map(({ id }) => id);
  return { limits, read };
};

test('a long page of refreshes is read by several statements, in order', async (t) => {
  const { limits, read } = setup();
  t.deepEqual(await read(null, 280), ids.slice(0, 280));
  t.deepEqual(limits, [104, 104, 72]);
});

test('a page ends where the records end, and begins after the cursor', async (t) => {
  const { limits, read } = setup();
  t.deepEqual(await read(ids[99]!, 1_001), ids.slice(100));
  t.deepEqual(limits, [104, 104]);
});

test('a page of the usual length is one statement', async (t) => {
  const { limits, read } = setup();
  t.deepEqual(await read(null, 101), ids.slice(0, 101));
  t.deepEqual(limits, [101]);
});
