import type { Steps } from '../streams/turns.ts';
import { contradiction, unsupported } from './faults.ts';
import { readSize, type FlatTable } from './flat-table.ts';
import { takeChunk, takeViewBuffers, type PartsLeft } from './kept-parts.ts';
import type { ArrowMessage } from './read-messages.ts';
import type { Layout, ReadableType, TextLayout } from './read-type.ts';
import { inRowSteps } from './row-steps.ts';
import { decodeText, noTexts, textsOfOffsets, textsOfViews, viewBytes, type TextBuffers, type Texts } from './texts.ts';

/** One column of one batch. Its buffers contain `length` rows. */
export type ColumnChunk = {
  readonly length: number;
  /** Bitmap with a 1 for each row that has a value; undefined if all rows have one. */
  readonly validity: Uint8Array | undefined;
  /** Numbers, or the indices of a dictionary. */
  readonly values: Uint8Array;
  /** The texts; empty for other types. */
  readonly texts: Texts;
  /** The items of all lists of a column of lists, whose offsets are in `values`. */
  readonly items?: ListItems;
};

/** The items of lists: which of them are null, and a column for each member of the objects. */
type ListItems = { readonly item: ColumnChunk; readonly members: readonly ColumnChunk[] };

const entryBytes = 16;
const codecs = ['lz4', 'zstd'];
const noValues = new Uint8Array(0);
const noRanges = new Float64Array(0);
/** Number of the field in the table `RecordBatch`. */
const variadicCounts = 4;

/** `count` values of a buffer; copied only if they are not aligned in memory. */
export const valuesOf = <T>(bytes: Uint8Array, layout: Layout<T>, count: number): T => {
  const width = layout.BYTES_PER_ELEMENT;
  if (bytes.byteOffset % width === 0) return new layout(bytes.buffer, bytes.byteOffset, count);
  return new layout(bytes.slice(0, count * width).buffer, 0, count);
};

const hasValue = (validity: Uint8Array | undefined, row: number): boolean =>
  validity === undefined || ((validity[row >> 3]! >> (row & 7)) & 1) === 1;

/** A function that keeps the bitmap only, and not the message. */
const presenceOf =
  (validity: Uint8Array | undefined) =>
  (row: number): boolean =>
    hasValue(validity, row);

export const isValid = ({ validity }: ColumnChunk, row: number): boolean => hasValue(validity, row);

/** Text `row` of a column of texts, at most 64 bytes of it; undefined for null. */
export const textAt = (chunk: ColumnChunk, row: number): string | undefined =>
  isValid(chunk, row) ? decodeText(chunk.texts, row) : undefined;

type ListType = Extract<ReadableType, { readonly kind: 'list' }>;

/** @throws AppError `malformed_body` unless the offsets ascend within the items */
const checkLists = (offsets: Int32Array | BigInt64Array, items: number): void => {
  let last = 0;
  for (const each of offsets) {
    const offset = Number(each);
    if (offset < last || offset > items) throw contradiction('a list ends outside its items');
    last = offset;
  }
};

const bufferOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

/**
 * The columns of a record batch. Their buffers follow each other in the body and do not overlap, so their total size is
 * at most the size of the body. The caller must check the texts of each row before it uses them; so it can give other
 * work a turn between two parts of a large batch.
 * @param left shared by all batches that are kept together
 * @throws AppError `malformed_body`, `validation_failed` for a feature that is not read or too many parts
 */
export const readBatch = (
  batch: FlatTable,
  { view, body }: ArrowMessage,
  types: readonly ReadableType[],
  left: PartsLeft,
): readonly ColumnChunk[] => {
  const compression = batch.table(3);
  if (compression !== undefined) {
    const codec = codecs[compression.uint8(0)] ?? 'an unknown codec';
    throw unsupported(`The Arrow buffers are compressed with ${codec}: send the stream uncompressed`);
  }
  const rows = batch.size(0);
  const nodes = batch.vector(1, entryBytes);
  const buffers = batch.vector(2, entryBytes);
  const variadic = batch.vector(variadicCounts, 8);
  const nodesOf = (type: ReadableType): number => (type.kind === 'list' ? 2 + (type.members?.length ?? 0) : 1);
  if (nodes.count !== types.reduce((sum, type) => sum + nodesOf(type), 0))
    throw contradiction('a batch does not have the columns of its schema');
  const bodyBuffer = bufferOf(body);
  let nextNode = 0;
  let nextBuffer = 0;
  let nextVariadic = 0;
  let end = 0;
  const takeRange = (minBytes: number): readonly [start: number, end: number] => {
    if (nextBuffer >= buffers.count) throw contradiction('a batch has too few buffers');
    const at = buffers.start + entryBytes * nextBuffer++;
    const offset = readSize(view, at);
    const length = readSize(view, at + 8);
    if (length < minBytes) throw contradiction('a buffer is shorter than its column');
    if (length === 0) return [0, 0];
    if (offset < end) throw contradiction('two buffers overlap');
    if (offset + length > body.length) throw contradiction('a buffer ends outside its message');
    end = offset + length;
    return [offset, end];
  };
  const takeBuffer = (minBytes: number): Uint8Array => body.subarray(...takeRange(minBytes));
  /** The buffers of a column of views. Their number is limited by the number of buffers that are present. */
  const takeVariadic = (): TextBuffers => {
    if (nextVariadic >= variadic.count) throw contradiction('a batch does not count the buffers of its views');
    const count = readSize(view, variadic.start + 8 * nextVariadic++);
    if (count > buffers.count - nextBuffer) throw contradiction('a batch has too few buffers');
    takeViewBuffers(left, count);
    const ranges = count === 0 ? noRanges : new Float64Array(2 * count);
    for (let index = 0; index < count; index++) [ranges[2 * index], ranges[2 * index + 1]] = takeRange(0);
    return { bytes: bodyBuffer, ranges };
  };
  const takeTexts = (layout: TextLayout, length: number, validity: Uint8Array | undefined): Texts => {
    if (layout === 'views') {
      const views = bufferOf(takeBuffer(length * viewBytes));
      return textsOfViews(views, takeVariadic(), presenceOf(validity));
    }
    const offsets: Layout<Int32Array | BigInt64Array> = layout === 'offsets32' ? Int32Array : BigInt64Array;
    // A column without rows may have no offsets.
    const bytes = takeBuffer(length === 0 ? 0 : (length + 1) * offsets.BYTES_PER_ELEMENT);
    const source = bufferOf(takeBuffer(0));
    return length === 0 ? noTexts : textsOfOffsets(valuesOf(bytes, offsets, length + 1), source);
  };

  /** The next column without its values. @param expected its number of rows, if it is known */
  const takeNode = (hasBitmap: boolean, expected?: number): ColumnChunk => {
    takeChunk(left);
    const node = nodes.start + entryBytes * nextNode++;
    const length = readSize(view, node);
    const nulls = readSize(view, node + 8);
    if (length !== (expected ?? length) || nulls > length) {
      throw contradiction('the columns of a batch differ in length');
    }
    if (!hasBitmap) return { length, validity: undefined, values: noValues, texts: noTexts };
    const bitmap = takeBuffer(nulls === 0 ? 0 : Math.ceil(length / 8));
    return { length, validity: nulls === 0 ? undefined : bitmap, values: noValues, texts: noTexts };
  };
  const takeList = ({ layout, members }: ListType, list: ColumnChunk): ColumnChunk => {
    const values = takeBuffer(list.length === 0 ? 0 : (list.length + 1) * layout.BYTES_PER_ELEMENT);
    const item = takeNode(members !== undefined);
    checkLists(list.length === 0 ? new Int32Array(1) : valuesOf(values, layout, list.length + 1), item.length);
    return {
      ...list,
      values,
      items: { item, members: (members ?? []).map(({ type }) => takeColumn(type, item.length)) },
    };
  };
  const takeColumn = (type: ReadableType, length: number): ColumnChunk => {
    const plain = takeNode(type.kind !== 'null', length);
    switch (type.kind) {
      case 'null':
        return plain;
      case 'ignored':
        for (let taken = 0; taken < type.buffers; taken++) takeBuffer(0);
        if (type.isView) takeVariadic();
        return plain;
      case 'text':
        return { ...plain, texts: takeTexts(type.layout, length, plain.validity) };
      case 'list':
        return takeList(type, plain);
      case 'decimal':
        return { ...plain, values: takeBuffer(length * type.bytes) };
      default:
        return { ...plain, values: takeBuffer(length * type.layout.BYTES_PER_ELEMENT) };
    }
  };

  const chunks = types.map((type) => takeColumn(type, rows));
  if (nextBuffer !== buffers.count) throw contradiction('a batch has too many buffers');
  return chunks;
};

/** Checks all texts of a batch, also those of lists. @throws AppError `malformed_body` */
export const checkTexts = function* (chunks: readonly ColumnChunk[]): Steps {
  const parts = [...chunks, ...chunks.flatMap(({ items }) => items?.members ?? [])];
  yield* inRowSteps(
    parts.filter(({ texts }) => texts !== noTexts),
    ({ texts }) =>
      (start, end) =>
        texts.check(start, end),
  );
};
