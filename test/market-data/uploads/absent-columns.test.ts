import test from 'ava';
import { arrowStream } from '#testkit/arrow/arrow-support.ts';
import { setupUploads } from './setup.ts';

type Row = Readonly<Record<string, string | number | null>>;
type Body = string | Uint8Array<ArrayBuffer>;

/** The same rows in each format. A member that a row lacks is empty in the others, because they have columns. */
const namesOf = (rows: readonly Row[]): string[] => [...new Set(rows.flatMap((row) => Object.keys(row)))];
const formats: readonly (readonly [type: string, body: (rows: readonly Row[]) => Body])[] = [
  [
    'text/csv',
    (rows) => {
      const names = namesOf(rows);
      return [names.join(','), ...rows.map((row) => names.map((name) => row[name] ?? '').join(','))].join('\n');
    },
  ],
  ['application/x-ndjson', (rows) => rows.map((row) => `${JSON.stringify(row)}\n`).join('')],
  [
    'application/vnd.apache.arrow.stream',
    (rows) =>
      new Uint8Array(
        arrowStream(
          Object.fromEntries(
            namesOf(rows).map((name) => [name, rows.map((row) => row[name] ?? null) as (number | null)[]]),
          ),
        ),
      ),
  ],
];

const stored: readonly Row[] = [
  { symbol: 'AAA', date: '2024-01-02', close: 100, dividend: 1, shares: 500 },
  { symbol: 'AAA', date: '2024-01-03', close: 104, shares: 510 },
  { symbol: 'AAA', date: '2024-01-04', close: 26, split_factor: 4 },
];
const corrected = stored.map(({ symbol, date, close }): Row => ({
  symbol: symbol!,
  date: date!,
  close: Number(close) + 0.5,
}));
const [first, second, third] = corrected as [Row, Row, Row];

for (const [type, bodyOf] of formats) {
  test.serial(
    `columns of actions that no row names stay, and those that one row names are replaced: ${type}`,
    async (t) => {
      const { send, admin } = await setupUploads(t);
      const upload = async (rows: readonly Row[], query = ''): Promise<void> => {
        const answer = await send(bodyOf(rows), { query, headers: { 'Content-Type': type } });
        t.like(answer.body, { status: 'succeeded' }, JSON.stringify(answer.body));
      };
      const actions = async (): Promise<unknown[]> =>
        (
          await admin.query('select date::text, dividend, split_factor, shares from corporate_actions order by date')
        ).map((row) => Object.values(row));
      const before = [
        ['2024-01-02', 1, null, 500],
        ['2024-01-03', null, null, 510],
        ['2024-01-04', null, 4, null],
      ];
      await upload(stored);
      t.deepEqual(await actions(), before);
      for (const query of ['', '?adjusted=false', '?mode=replace']) {
        await upload(corrected, query);
        t.deepEqual(await actions(), before, query);
      }
      await upload([first, { ...second, dividend: 2 }, third]);
      const paid = [
        ['2024-01-02', null, null, 500],
        ['2024-01-03', 2, null, 510],
        ['2024-01-04', null, 4, null],
      ];
      t.deepEqual(await actions(), paid);
      await upload([{ ...first, shares: null, dividend: null }, second, third]);
      t.deepEqual(await actions(), [['2024-01-04', null, 4, null]]);
    },
  );
}
