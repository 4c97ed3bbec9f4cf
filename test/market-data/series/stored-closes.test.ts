import test from 'ava';
import { createHash } from 'node:crypto';
import { planIndex } from '#src/market-data/indexes/calculation/index-plan.ts';
import { definitionDigest } from '#src/market-data/indexes/index-values.ts';
import type { IndexDefinition } from '#src/market-data/indexes/universes.ts';
import { readStoredCloses } from '#src/market-data/series/stored/stored-closes.ts';
import { readOrigins, readStoredRanges } from '#src/market-data/series/stored/stored-series.ts';
import { createTurns } from '#src/kernel/streams/turns.ts';
import { setup } from '../setup.ts';

test('the closes of an end are those of the whole bars, to the last digit and in their order', async (t) => {
  const { admin, database } = await setup(t);
  const symbols = ['ONE', 'TWO', 'NONE', 'LATE'];
  const rows = await admin.query(
    `insert into asset (symbol, name, exchange, currency) select symbol, symbol, 'X', 'USD'
     from unnest($1::text[]) as symbol returning id`,
    [symbols],
  );
  const [one, two, none, late] = rows.map((row) => Number(row['id']));
  await admin.query(
    `insert into price (asset_id, date, close) values
       ($1, '2024-01-04', 1e-7), ($1, '2024-01-02', 0.1), ($1, '2024-01-03', 123456789.12345679), ($1, '2023-12-29', 9),
       ($2, '2024-01-02', 1e15), ($2, '2024-01-03', 2), ($3, '2024-01-03', 5)`,
    [one, two, late],
  );
  const starts = [
    { asset: one!, from: '2024-01-02' },
    { asset: two!, from: '2024-01-03' },
    { asset: none!, from: '2024-01-02' },
    { asset: late!, from: '2024-01-04' },
  ];
  const closes = await readStoredCloses(database.reader, starts);
  const ranges = starts.map(({ asset, from }) => ({ asset, first: from, last: 'infinity' }));
  const origins = await readOrigins(
    database.reader,
    starts.map(({ asset }) => asset),
  );
  const bars = await readStoredRanges(database.reader, ranges, origins, createTurns());
  for (const { asset } of starts) {
    const expected = bars.get(asset)!.bars.map(({ date, close }) => ({ date, close }));
    t.deepEqual(closes.get(asset) ?? [], expected);
  }
  t.is(closes.get(one!)!.length, 3);
  t.false(closes.has(late!));
});

test('the digest of a definition has a fixed form, so that an upgrade with the same calculator calculates nothing anew', (t) => {
  const terms = new Map([
    ['AAA', { from: '2024-01-02', weight: 0.1 }],
    ['BBB', { to: '2025-06-30', weight: 1 / 3 }],
  ]);
  for (const method of ['equal_weighted', 'fixed_weights', 'price_weighted'] as const) {
    const definition: IndexDefinition = { code: 'X', name: 'X', method, constituents: ['AAA', 'BBB', 'CCC'], terms };
    const { from, to, targets, ...plan } = planIndex(definition, '1day');
    t.deepEqual([...from], [20240102, 0, 0]);
    t.deepEqual([...to], [2 ** 31 - 1, 20250630, 2 ** 31 - 1]);
    t.deepEqual([...targets], method === 'fixed_weights' ? [0.1, 1 / 3, 0] : [1, 1, 1]);
    const text = JSON.stringify([3, method, plan, [...from], [...to], [...targets]]);
    t.is(definitionDigest(definition, '1day'), createHash('sha256').update(text).digest('base64url'));
  }
});
