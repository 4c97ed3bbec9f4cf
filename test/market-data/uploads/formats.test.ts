import test from 'ava';
import { parse } from 'csv-parse/sync';
import { readCsv } from '#src/market-data/uploads/formats/read-csv.ts';
import { readNdjson } from '#src/market-data/uploads/formats/read-ndjson.ts';
import type { ReadRows } from '#src/market-data/uploads/formats/rows.ts';
import type { RowError } from '#src/market-data/uploads/row-error.ts';
import { createDates, numberOf } from '#src/market-data/uploads/values.ts';

/** Cuts the text at random bytes. */
const pieces = async function* (text: string, random: () => number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let start = 0; start < bytes.length;) {
    const end = Math.min(bytes.length, start + 1 + Math.floor(random() * 40));
    yield bytes.subarray(start, end);
    start = end;
  }
};

const readAll = async (read: ReadRows, text: string, random: () => number) => {
  const refused: RowError[] = [];
  const rows: (readonly unknown[])[] = [];
  const lines: number[] = [];
  for await (const batch of read(
    pieces(text, random),
    (error) => refused.push(error),
    () => undefined,
  )) {
    rows.push(...batch.rows);
    lines.push(...batch.lines);
  }
  return { rows, lines, refused };
};

/** Numbers from 0 to 1 that depend only on the seed (mulberry32). */
const randomOf = (seed: number) => {
  let state = seed;
  return (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

test('500 random CSV files, cut anywhere, give the records and lines of csv-parse', async (t) => {
  for (let seed = 1; seed <= 500; seed += 1) {
    const random = randomOf(seed);
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
    const end = pick(['\n', '\r\n']);
    const cell = (): string =>
      pick(['AAA', '1', '', '2024-01-02', 'ü', '€uro', ...(seed % 2 ? ['"q"', '"a,b"', '"a""b"', '"a\nb"'] : [])]);
    const body = Array.from({ length: 1 + Math.floor(random() * 20) }, () =>
      random() < 0.1 ? '' : [cell(), cell(), cell(), ...(random() < 0.1 ? [cell()] : [])].join(','),
    );
    const text = `symbol,date,close${end}${body.join(end)}${random() < 0.5 ? end : ''}`;
    const expected = parse(text, {
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
    }) as unknown as {
      record: string[];
      info: { lines: number };
    }[];
    const records = expected.slice(1);
    const good = records.filter(({ record }) => record.length === 3);
    const { rows, lines, refused } = await readAll(readCsv, text, random);
    const trimmed = rows.map((row) => row.map((value) => String(value).trim()));
    t.deepEqual(
      trimmed,
      good.map(({ record }) => record),
      `seed ${seed}: ${text}`,
    );
    t.is(refused.length, records.length - good.length, `seed ${seed}`);
    // csv-parse gives the line on which a record ends; a record of one line has no other.
    if (seed % 2 === 0)
      t.deepEqual(
        lines,
        good.map(({ info }) => info.lines),
        `seed ${seed}: ${text}`,
      );
  }
});

test('NDJSON: each line is an object; what is none is refused with its line', async (t) => {
  const text = `{"symbol":"AAA","date":"2024-01-02","close":1}\r\n\n[]\nnull\n{"symbol":\n{"symbol":1}\n{"close":"1"}\n{"x":1}\n{"__proto__":{}}\n{"Volume":2}`;
  const { rows, lines, refused } = await readAll(readNdjson, text, randomOf(1));
  t.deepEqual(lines, [1, 10]);
  t.deepEqual(rows[0]?.slice(0, 2), ['AAA', '2024-01-02']);
  t.deepEqual(
    refused.map(({ line, code }) => [line, code]),
    [
      [3, 'invalid_json'],
      [4, 'invalid_json'],
      [5, 'invalid_json'],
      [6, 'missing_value'],
      [7, 'invalid_number'],
      [8, 'unknown_column'],
      [9, 'unknown_column'],
    ],
  );
});

test('NDJSON: a long row, or one with many members, is refused before it is parsed', async (t) => {
  const row = '{"symbol":"A:A","date":"2024-01-02","close":1';
  const members = (count: number): string =>
    `${row}${Array.from({ length: count }, (_, each) => `,"n${each}":1`).join('')}}`;
  const nested = `${row},"a":[${'{"b":1},'.repeat(20)}1]}`;
  const text = [`${row}${' '.repeat(5_000)}}`, members(18), members(17), nested, `${row}}${' '.repeat(5_000)}`];
  const { lines, refused } = await readAll(readNdjson, text.join('\n'), randomOf(1));
  t.deepEqual(lines, [5], 'blanks around an object are none of its characters');
  const known = 'Members are symbol, date, open, high, low, close, volume, dividend, split_factor, shares';
  t.deepEqual(
    refused.map(({ line, code, detail }) => [line, code, detail]),
    [
      [1, 'invalid_json', 'A row may have at most 4096 characters'],
      [2, 'unknown_column', `A row may have at most 20 members. ${known}`],
      [3, 'unknown_column', `A member is not known. ${known}`],
      [4, 'unknown_column', `A row may have at most 20 members. ${known}`],
    ],
  );
});

test('numbers: plain ones are read, others are refused', (t) => {
  for (const [text, value] of [
    ['1', 1],
    [' 1.50 ', 1.5],
    ['+.5', 0.5],
    ['5.', 5],
    ['1e3', 1_000],
    ['1E-3', 0.001],
    ['', null],
    ['  ', null],
  ] as const) {
    t.is(numberOf(text, 'positive'), value, text);
  }
  for (const text of [
    '1,5',
    '1 000',
    "1'000",
    '0x10',
    '1e',
    'e5',
    '.',
    'NaN',
    'Infinity',
    '1_000',
    '--1',
    '$1',
    '１',
  ]) {
    t.is(numberOf(text, 'positive'), 'invalid_number', text);
  }
  t.is(numberOf('1'.repeat(50), 'positive'), 'invalid_number');
  for (const [text, rule, value] of [
    ['0', 'positive', 'out_of_range'],
    ['0', 'from_zero', 0],
    ['0.0', 'zero_is_none', null],
    ['-1', 'from_zero', 'out_of_range'],
    ['1e16', 'positive', 'out_of_range'],
    ['1e-400', 'positive', 'out_of_range'],
    ['20', 'split', 20],
    ['0.00001', 'split', 0.000_01],
    ['0', 'split', null],
    ['0.000009', 'split', 'out_of_range'],
    ['100001', 'split', 'out_of_range'],
  ] as const) {
    t.is(numberOf(text, rule), value, text);
  }
  t.is(numberOf(Number.NaN, 'positive'), 'invalid_number');
  t.is(numberOf(Infinity, 'positive'), 'out_of_range');
});

test('dates: spellings with one meaning are read, others are refused', (t) => {
  const dateOf = createDates();
  for (const text of [
    '2024-01-31',
    '2024/01/31',
    '20240131',
    ' 2024-01-31 ',
    '2024-01-31T00:00:00Z',
    '2024-01-31 00:00:00',
    '2024-01-31 00:00:00-05:00',
    '2024-01-31T00:00:00.000+0100',
  ]) {
    t.is(dateOf(text), '2024-01-31', text);
    t.is(dateOf(text), '2024-01-31', text);
  }
  for (const text of [
    '31.01.2024',
    '01/31/2024',
    '2024-1-31',
    '2024-02-30',
    '2024-01/31',
    '2024-01-31T12:00:00Z',
    '0000-01-01',
    '1706659200',
    'Jan 31 2024',
    '',
  ]) {
    t.is(dateOf(text), undefined, text);
  }
});

test('an NDJSON row that names a column twice is refused, by another name or by the same one', async (t) => {
  const start = '{"symbol":"A:\\":","date":"2024-01-02"';
  const lines = [
    `${start},"close":1}`,
    `${start},"close":30,"close" :31}`,
    `${start},"close":30,"Close":3000}`,
    `${start},"close":null,"Close":3000}`,
    `${start},"close":30,"split_factor":1,"splits":2}`,
  ];
  const { refused, lines: accepted } = await readAll(readNdjson, lines.join('\n'), () => 0.5);
  t.deepEqual(accepted, [1]);
  t.deepEqual(
    refused.map(({ line, code }) => [line, code]),
    [2, 3, 4, 5].map((line) => [line, 'repeated_column']),
  );
});
