import { contradiction } from './faults.ts';

/** A vector of a FlatBuffers table: `count` elements from byte `start` on, all inside the message. */
type FlatVector = { readonly start: number; readonly count: number };

/**
 * A table of a FlatBuffers message. The number of a field is its position in Apache Arrow's `.fbs` files, from 0. An
 * absent field has its default. Each read is checked against the bytes of the message.
 */
export type FlatTable = {
  readonly uint8: (field: number, fallback?: number) => number;
  readonly int16: (field: number, fallback?: number) => number;
  readonly int32: (field: number, fallback?: number) => number;
  /** A length or a count, from 0 to `Number.MAX_SAFE_INTEGER`. */
  readonly size: (field: number) => number;
  readonly int64: (field: number) => bigint;
  readonly table: (field: number) => FlatTable | undefined;
  readonly vector: (field: number, elementBytes: number) => FlatVector;
  /** Table `index` of a vector of tables. */
  readonly element: (vector: FlatVector, index: number) => FlatTable;
  /** A text, of which at most `maxBytes` bytes are decoded. */
  readonly text: (field: number, maxBytes: number) => string;
};

const outside = () => contradiction('an offset of its metadata points outside the message');

/** A length of 64 bits at byte `at`. @throws AppError if it is negative or above `Number.MAX_SAFE_INTEGER` */
export const readSize = (view: DataView, at: number): number => {
  const size = view.getInt32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
  if (size < 0 || size > Number.MAX_SAFE_INTEGER) throw contradiction('a length is negative or too large');
  return size;
};

/** The table whose offset is stored at byte `at`. Offsets point only forward, so tables cannot form a cycle. */
export const tableAt = (view: DataView, at: number): FlatTable => {
  const end = view.byteLength;
  if (at < 0 || at + 4 > end) throw outside();
  return createFlatTable(view, at + view.getUint32(at, true));
};

const createFlatTable = (view: DataView, position: number): FlatTable => {
  const end = view.byteLength;
  if (position + 4 > end) throw outside();
  const slots = position - view.getInt32(position, true);
  if (slots < 0 || slots + 4 > end) throw outside();
  const slotBytes = view.getUint16(slots, true);
  const tableBytes = view.getUint16(slots + 2, true);
  if (slotBytes < 4 || slots + slotBytes > end || tableBytes < 4 || position + tableBytes > end) throw outside();

  /** Position of a field of `bytes` bytes; undefined if the table does not have the field. */
  const find = (field: number, bytes: number): number | undefined => {
    const slot = 4 + 2 * field;
    if (slot + 2 > slotBytes) return undefined;
    const offset = view.getUint16(slots + slot, true);
    if (offset === 0) return undefined;
    if (offset < 4 || offset + bytes > tableBytes) throw outside();
    return position + offset;
  };
  const vector = (field: number, elementBytes: number): FlatVector => {
    const at = find(field, 4);
    if (at === undefined) return { start: 0, count: 0 };
    const header = at + view.getUint32(at, true);
    if (header + 4 > end) throw outside();
    const count = view.getUint32(header, true);
    if (header + 4 + count * elementBytes > end) throw outside();
    return { start: header + 4, count };
  };
  const read = <T>(field: number, bytes: number, fallback: T, get: (at: number) => T): T => {
    const at = find(field, bytes);
    return at === undefined ? fallback : get(at);
  };

  return {
    uint8: (field, fallback = 0) => read(field, 1, fallback, (at) => view.getUint8(at)),
    int16: (field, fallback = 0) => read(field, 2, fallback, (at) => view.getInt16(at, true)),
    int32: (field, fallback = 0) => read(field, 4, fallback, (at) => view.getInt32(at, true)),
    size: (field) => read(field, 8, 0, (at) => readSize(view, at)),
    int64: (field) => read(field, 8, 0n, (at) => view.getBigInt64(at, true)),
    table: (field) => read<FlatTable | undefined>(field, 4, undefined, (at) => tableAt(view, at)),
    vector,
    element: ({ start, count }, index) => {
      if (index >= count) throw outside();
      return tableAt(view, start + 4 * index);
    },
    text: (field, maxBytes) => {
      const { start, count } = vector(field, 1);
      return Buffer.from(view.buffer, view.byteOffset + start, Math.min(count, maxBytes)).toString('utf8');
    },
  };
};
