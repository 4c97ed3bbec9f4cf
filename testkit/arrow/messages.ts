/** Messages of Arrow streams with parts that no library writes, such as thousands of empty buffers. */
import { Dictionary, Field, Int32, Schema, Table, tableToIPC, Utf8View, type DataType } from 'apache-arrow';
import { messagesOf } from './streams.ts';

type FlatField =
  | { readonly bytes: 1 | 2 | 8; readonly value: number }
  | { readonly table: FlatPart }
  /** Elements as numbers of 64 bits, `width` for each element. */
  | { readonly vector: readonly number[]; readonly width: number };
type FlatPart = { readonly bytes: Buffer; readonly position: number };

const int64s = (values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(8 * values.length);
  values.forEach((value, index) => bytes.writeBigInt64LE(BigInt(value), 8 * index));
  return bytes;
};
const childOf = (field: Exclude<FlatField, { readonly bytes: number }>): FlatPart => {
  if ('table' in field) return field.table;
  const count = Buffer.alloc(4);
  count.writeUInt32LE(field.vector.length / field.width);
  return { bytes: Buffer.concat([count, int64s(field.vector)]), position: 0 };
};

/** A FlatBuffers table, with its vectors and tables behind it. */
const tableOf = (fields: readonly (FlatField | undefined)[]): FlatPart => {
  const position = 4 + 2 * fields.length;
  const widths = fields.map((field): number => (field === undefined ? 0 : 'bytes' in field ? field.bytes : 4));
  const size = 4 + widths.reduce((sum, width) => sum + width, 0);
  const head = Buffer.alloc(position + size);
  head.writeUInt16LE(position, 0);
  head.writeUInt16LE(size, 2);
  head.writeInt32LE(position, position);
  const parts: Buffer[] = [head];
  let offset = 4;
  let end = head.length;
  fields.forEach((field, index) => {
    if (field === undefined) return;
    head.writeUInt16LE(offset, 4 + 2 * index);
    const at = position + offset;
    offset += widths[index]!;
    if ('bytes' in field) {
      if (field.bytes === 8) head.writeBigInt64LE(BigInt(field.value), at);
      else head.writeUIntLE(field.value, at, field.bytes);
      return;
    }
    const child = childOf(field);
    head.writeUInt32LE(end + child.position - at, at);
    parts.push(child.bytes);
    end += child.bytes.length;
  });
  return { bytes: Buffer.concat(parts), position };
};

const messageOf = (kind: number, header: FlatPart, body: Buffer): Buffer => {
  const version5 = 4;
  const { bytes, position } = tableOf([
    { bytes: 2, value: version5 },
    { bytes: 1, value: kind },
    { table: header },
    { bytes: 8, value: body.length },
  ]);
  const start = Buffer.alloc(8);
  start.writeUInt32LE(bytes.length + 4);
  start.writeUInt32LE(position + 4, 4);
  return Buffer.concat([start, bytes, body]);
};

export type BatchParts = {
  readonly rows: number;
  /** The rows and the nulls of each column. */
  readonly nodes: readonly (readonly [rows: number, nulls: number])[];
  /** The buffers follow each other in the body. */
  readonly buffers: readonly Buffer[];
  /** The number of buffers of each column of views. */
  readonly viewBuffers?: readonly number[];
};
const batchOf = ({ rows, nodes, buffers, viewBuffers = [] }: BatchParts): FlatPart => {
  let end = 0;
  const places = buffers.flatMap(({ length }) => [end, ((end += length), length)]);
  return tableOf([
    { bytes: 8, value: rows },
    { vector: nodes.flat(), width: 2 },
    { vector: places, width: 2 },
    undefined,
    { vector: viewBuffers, width: 1 },
  ]);
};

export const batchMessage = (parts: BatchParts): Buffer => messageOf(3, batchOf(parts), Buffer.concat(parts.buffers));

/** One text of at most 12 characters as a dictionary of views, with `emptyBuffers` buffers that no view uses. */
export const dictionaryMessage = (
  text: string,
  { id = 0, isDelta = true, emptyBuffers = 0 }: { id?: number; isDelta?: boolean; emptyBuffers?: number } = {},
): Buffer => {
  const view = Buffer.alloc(16);
  view.writeInt32LE(text.length);
  view.write(text, 4);
  const none = Buffer.alloc(0);
  const buffers = [none, view, ...Array.from({ length: emptyBuffers }, () => none)];
  const data = batchOf({ rows: 1, nodes: [[1, 0]], buffers, viewBuffers: [emptyBuffers] });
  const header = tableOf([{ bytes: 8, value: id }, { table: data }, { bytes: 1, value: isDelta ? 1 : 0 }]);
  return messageOf(2, header, view);
};

export const dictionaryOfViews = (id: number): DataType => new Dictionary(new Utf8View(), new Int32(), id);

export const schemaMessage = (columns: Readonly<Record<string, DataType>>): Uint8Array => {
  const schema = new Schema(Object.entries(columns).map(([name, type]) => new Field(name, type, true)));
  return messagesOf(tableToIPC(new Table(schema), 'stream'))[0]!;
};
