import { Buffer } from 'node:buffer';
import {
  Field,
  Float64,
  Int8,
  List,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  tableToIPC,
  Utf8View,
  type Data,
} from 'apache-arrow';
import test from 'ava';
import { readColumnsArrow } from '#src/pricing/arrow/read-columns.ts';

/** Views of one text, which is longer than a view holds itself. So each text needs 16 bytes of the stream only. */
const viewsOf = (text: string, length: number): Data<Utf8View> => {
  const bytes = Buffer.from(text);
  const view = Buffer.alloc(16);
  view.writeInt32LE(bytes.length, 0);
  bytes.copy(view, 4, 0, 4);
  const views = Buffer.alloc(16 * length, view);
  return makeData({ type: new Utf8View(), length, nullCount: 0, views, variadicBuffers: [bytes] });
};
const numbersOf = (rows: number): Data<Float64> =>
  makeData({ type: new Float64(), length: rows, nullCount: 0, data: new Float64Array(rows).fill(100) });
/** All dividends belong to the first row. */
const dividendsOf = (items: number, rows: number, text: string): Data<List> => {
  const type = new Struct([new Field('date', new Utf8View(), true), new Field('amount', new Int8(), true)]);
  const amounts = makeData({ type: new Int8(), length: items, nullCount: 0, data: new Int8Array(items) });
  const item = makeData({ type, length: items, nullCount: 0, children: [viewsOf(text, items), amounts] });
  const valueOffsets = new Int32Array(rows + 1).fill(items, 1);
  const list = new List(new Field('item', type, true));
  return makeData({ type: list, length: rows, nullCount: 0, valueOffsets, child: item });
};
const streamOf = (columns: Readonly<Record<string, Data>>): Uint8Array => {
  const fields = Object.entries(columns).map(([name, { type }]) => new Field(name, type, true));
  const [first] = Object.values(columns);
  const data = makeData({
    type: new Struct(fields),
    length: first!.length,
    nullCount: 0,
    children: Object.values(columns),
  });
  return tableToIPC(new Table(new Schema(fields), [new RecordBatch(new Schema(fields), data)]), 'stream');
};
/** Beyond the length at which equal texts are recognised, and with a character of two bytes. */
const longText = `Ā${'a'.repeat(69)}`;

for (const [name, columns, column] of [
  ['dividends', { spot: numbersOf(10), dividends: dividendsOf(1_000_000, 10, longText) }, 'dividends'],
  [
    'several columns',
    Object.fromEntries(
      ['valuation_date', 'expiry', 'day_count', 'calendar', 'option_type'].map((each) => [
        each,
        viewsOf(longText, 100_000),
      ]),
    ),
    'option_type',
  ],
] as const) {
  test(`texts that need much more memory than the bytes of the stream are refused: ${name}`, (t) => {
    const bytes = streamOf(columns);
    const before = process.memoryUsage().heapUsed;
    const error = t.throws(() => readColumnsArrow(bytes));
    t.like(error, {
      code: 'validation_failed',
      abuse: 'body_structure',
      errors: [{ code: 'invalid_length', pointer: `/columns/${column}` }],
    });
    t.true(process.memoryUsage().heapUsed - before < 128 * 2 ** 20);
  });
}

test('many short texts of a usual table are accepted', (t) => {
  const { table } = readColumnsArrow(
    streamOf({ spot: numbersOf(100_000), dividends: dividendsOf(900_000, 100_000, '2026-12-01 00:00:00.000') }),
  );
  t.is(table.size, 100_000);
});
