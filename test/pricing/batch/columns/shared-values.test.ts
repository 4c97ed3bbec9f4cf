import test from 'ava';
import { listColumns, numberColumns, textColumns } from '#src/pricing/batch/columns/columns.ts';
import { prepareBatch } from '#src/pricing/batch/prepare-batch.ts';
import { createEngineFactory } from '#src/pricing/models/engine-factory.ts';

const engines = createEngineFactory();
const option = { option_type: 'call', spot: 100, strike: 100, time_to_expiry: 1, rate: 0.01, volatility: 0.2 };
const rows = 100;

const items = <T>(count: number, item: (index: number) => T): T[] => Array.from({ length: count }, (_, at) => item(at));
const manyNames = Object.fromEntries(items(45, (each) => [`${'~/'.repeat(49)}${each}`, 1]));

/** One of these values stands for all rows, so the work of a row must not grow with it. */
const longTexts = ['1'.repeat(4_000_000), `${' '.repeat(4_000_000)}1`, `2026-01-01${'T'.repeat(4_000_000)}`];
const worstLists: Readonly<Record<string, unknown>> = {
  'long texts': longTexts.map((amount) => ({ time: 0.5, amount })),
  'long dates': longTexts.map((date) => ({ date, amount: 1 })),
  'many unknown members': items(1_000, () => manyNames),
  'wrong members': items(1_000, () => ({ time: 'x', amount: 'y' })),
  'no objects': [{ time: 0.5, amount: 1 }, ...items(999, () => 5)],
};

const values: (readonly [string, unknown])[] = [
  ...[...textColumns, ...numberColumns].flatMap((name) => longTexts.map((text) => [name, text] as const)),
  ...Object.values(worstLists).flatMap((list) => listColumns.map((name) => [name, list] as const)),
];

/** @returns milliseconds of processor time for all rows; 0 if the batch is refused before its rows */
const costOf = async (columns: Readonly<Record<string, unknown>>): Promise<number> => {
  const bytes = Buffer.from(JSON.stringify({ columns }));
  const request = { bytes, input: 'json', answer: ['json'], jsonDepth: 20 } as const;
  const batch = await prepareBatch(request, engines).catch(() => undefined);
  if (batch === undefined) return 0;
  batch.estimate();
  const begun = process.cpuUsage();
  batch.run(0, batch.size);
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / 1_000;
};

test('a value of all rows takes little time in each of them, however long or wrong it is', async (t) => {
  t.timeout(120_000);
  const dated = { valuation_date: '2026-01-01', expiry: '2027-01-01' };
  for (const [name, value] of values) {
    for (const others of [{}, dated]) {
      const given: Record<string, unknown> = { ...option, ...others, strike: items(rows, () => 100), [name]: value };
      if (others === dated) delete given['time_to_expiry'];
      // 4 MB of text that is read in each row takes 200 ms or more for 100 rows.
      t.true((await costOf(given)) < 60, `${name}: ${JSON.stringify(value)?.slice(0, 60)}`);
    }
  }
});
