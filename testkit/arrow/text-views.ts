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

/** Views of one text, which is longer than a view holds itself. So each text needs 16 bytes of the stream only. */
export const viewsOf = (text: string, length: number): Data<Utf8View> => {
  const bytes = Buffer.from(text);
  const view = Buffer.alloc(16);
  view.writeInt32LE(bytes.length, 0);
  bytes.copy(view, 4, 0, 4);
  const views = Buffer.alloc(16 * length, view);
  return makeData({ type: new Utf8View(), length, nullCount: 0, views, variadicBuffers: [bytes] });
};
export const numbersOf = (rows: number): Data<Float64> =>
  makeData({ type: new Float64(), length: rows, nullCount: 0, data: new Float64Array(rows).fill(100) });
/** All dividends belong to the first row. */
export const dividendsOf = (items: number, rows: number, text: string): Data<List> => {
  const type = new Struct([new Field('date', new Utf8View(), true), new Field('amount', new Int8(), true)]);
  const amounts = makeData({ type: new Int8(), length: items, nullCount: 0, data: new Int8Array(items) });
  const item = makeData({ type, length: items, nullCount: 0, children: [viewsOf(text, items), amounts] });
  const valueOffsets = new Int32Array(rows + 1).fill(items, 1);
  const list = new List(new Field('item', type, true));
  return makeData({ type: list, length: rows, nullCount: 0, valueOffsets, child: item });
};
export const streamOf = (columns: Readonly<Record<string, Data>>): Uint8Array => {
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
