import { contradiction, unsupported } from './faults.ts';
import { readSize, type FlatTable } from './flat-table.ts';
import type { ArrowMessage } from './read-messages.ts';
import type { Layout, ReadableType } from './read-type.ts';

/** One column of one batch. The code has checked that its buffers contain `length` rows. */
export type ColumnChunk = {
  readonly length: number;
  /** Bitmap with a 1 for each row that has a value; undefined if all rows have one. */
  readonly validity: Uint8Array | undefined;
  /** Numbers, or the indices of a dictionary. */
  readonly values: Uint8Array;
  /** The concatenated texts; empty for other types. */
  readonly texts: Buffer;
  /** The start of each text in `texts`, and the end of the last one, in ascending order. */
  readonly offsets: Int32Array;
};

const entryBytes = 16;
const codecs = ['LZ4', 'Zstandard'];
const noValues = new Uint8Array(0);
const noTexts = { texts: Buffer.alloc(0), offsets: new Int32Array(0) };

/** `count` values of a buffer; copied only if they are not aligned in memory. */
export const valuesOf = <T>(bytes: Uint8Array, layout: Layout<T>, count: number): T => {
  const width = layout.BYTES_PER_ELEMENT;
  if (bytes.byteOffset % width === 0) return new layout(bytes.buffer, bytes.byteOffset, count);
  return new layout(bytes.slice(0, count * width).buffer, 0, count);
};

export const isValid = ({ validity }: ColumnChunk, row: number): boolean =>
  validity === undefined || ((validity[row >> 3]! >> (row & 7)) & 1) === 1;

const checkOffsets = (offsets: Int32Array, bytes: number): void => {
  let end = 0;
  for (let index = 0; index < offsets.length; index++) {
    const offset = offsets[index]!;
    if (offset < end || offset > bytes) throw contradiction('a text ends outside its buffer');
    end = offset;
  }
};

/**
 * The columns of a record batch. Their buffers follow each other in the body and do not overlap, so their total size is
 * at most the size of the body.
 */
export const readBatch = (
  batch: FlatTable,
  { view, body }: ArrowMessage,
  types: readonly ReadableType[],
): readonly ColumnChunk[] => {
  const compression = batch.table(3);
  if (compression !== undefined) {
    const codec = codecs[compression.uint8(0)] ?? 'an unknown codec';
    throw unsupported(`Compressed Arrow buffers (${codec}) are not read; send the stream without compression`);
  }
  const rows = batch.size(0);
  const nodes = batch.vector(1, entryBytes);
  const buffers = batch.vector(2, entryBytes);
  if (nodes.count !== types.length) throw contradiction('a batch does not have the columns of its schema');
  let nextBuffer = 0;
  let end = 0;
  const takeBuffer = (minBytes: number): Uint8Array => {
    if (nextBuffer === buffers.count) throw contradiction('a batch has too few buffers');
    const at = buffers.start + entryBytes * nextBuffer++;
    const offset = readSize(view, at);
    const length = readSize(view, at + 8);
    if (length < minBytes) throw contradiction('a buffer is shorter than its column');
    if (length === 0) return body.subarray(0, 0);
    if (offset < end) throw contradiction('two buffers overlap');
    if (offset + length > body.length) throw contradiction('a buffer ends outside its message');
    end = offset + length;
    return body.subarray(offset, end);
  };

  const chunks = types.map((type, column): ColumnChunk => {
    const node = nodes.start + entryBytes * column;
    const length = readSize(view, node);
    const nulls = readSize(view, node + 8);
    if (length !== rows || nulls > length) throw contradiction('the columns of a batch differ in length');
    const validity = takeBuffer(nulls === 0 ? 0 : Math.ceil(length / 8));
    const common = { length, validity: nulls === 0 ? undefined : validity };
    if (type.kind !== 'utf8') {
      return { ...common, ...noTexts, values: takeBuffer(length * type.layout.BYTES_PER_ELEMENT) };
    }
    // A column without rows may have no offsets.
    const bytes = takeBuffer(length === 0 ? 0 : (length + 1) * Int32Array.BYTES_PER_ELEMENT);
    const offsets = length === 0 ? noTexts.offsets : valuesOf<Int32Array>(bytes, Int32Array, length + 1);
    const { buffer, byteOffset, byteLength } = takeBuffer(0);
    checkOffsets(offsets, byteLength);
    return { ...common, offsets, values: noValues, texts: Buffer.from(buffer, byteOffset, byteLength) };
  });
  if (nextBuffer !== buffers.count) throw contradiction('a batch has too many buffers');
  return chunks;
};
