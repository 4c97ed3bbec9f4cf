import { contradiction } from './faults.ts';

/** Longer than every accepted text. A longer text makes its row fail, so its rest is not decoded. */
export const maxTextBytes = 64;

/** Where the text of each row is. The positions of rows without a value have no meaning. */
export type Texts = {
  /**
   * Checks the positions of the rows from `first` on and before `end`. The positions of a row may only be used after its
   * check.
   * @throws AppError `malformed_body` for a text outside its buffer
   */
  readonly check: (first: number, end: number) => void;
  readonly source: (row: number) => Buffer;
  readonly start: (row: number) => number;
  readonly end: (row: number) => number;
};

const empty = Buffer.alloc(0);
export const noTexts: Texts = { check: () => {}, source: () => empty, start: () => 0, end: () => 0 };

/** Texts between ascending offsets. */
export const textsOfOffsets = (offsets: Int32Array | BigInt64Array, source: Buffer): Texts => ({
  check: (first, end) => {
    let last = 0;
    for (let index = first; index <= end; index++) {
      const offset = Number(offsets[index]!);
      if (offset < last || offset > source.length) throw contradiction('a text ends outside its buffer');
      last = offset;
    }
  },
  source: () => source,
  start: (row) => Number(offsets[row]),
  end: (row) => Number(offsets[row + 1]),
});

export const viewBytes = 16;
const inlineBytes = 12;

/**
 * The buffers that views point to: buffer `k` is from `ranges[2 * k]` to `ranges[2 * k + 1]` in the body of its message. A `Buffer` for each of them
 * would take about 200 bytes, and an empty one has 16 bytes in a stream.
 */
export type TextBuffers = { readonly bytes: Buffer; readonly ranges: Float64Array };

/**
 * Texts as views: a length, then up to 12 bytes of text, or a prefix, the number of a buffer and an offset.
 * @param isPresent whether a row has a value
 */
export const textsOfViews = (
  views: Buffer,
  { bytes, ranges }: TextBuffers,
  isPresent: (row: number) => boolean,
): Texts => {
  const lengthOf = (row: number): number => views.readInt32LE(row * viewBytes);
  const isInline = (row: number): boolean => lengthOf(row) <= inlineBytes;
  /** Position of the range of a text in `ranges`. */
  const rangeOf = (row: number): number => 2 * views.readInt32LE(row * viewBytes + 8);
  const check: Texts['check'] = (first, end) => {
    for (let row = first; row < end; row++) {
      if (!isPresent(row)) continue;
      const length = lengthOf(row);
      if (length < 0) throw contradiction('a text has a negative length');
      if (length <= inlineBytes) continue;
      const range = rangeOf(row);
      const offset = views.readInt32LE(row * viewBytes + 12);
      // A buffer that is not there has no range, so the comparison is with `undefined`, which is false.
      if (offset < 0 || !(ranges[range]! + offset + length <= ranges[range + 1]!)) {
        throw contradiction('a text ends outside its buffer');
      }
    }
  };
  const start = (row: number): number =>
    isInline(row) ? row * viewBytes + 4 : ranges[rangeOf(row)]! + views.readInt32LE(row * viewBytes + 12);
  return {
    check,
    source: (row) => (isInline(row) ? views : bytes),
    start,
    end: (row) => start(row) + lengthOf(row),
  };
};

/** Text `row`, at most 64 bytes of it. */
export const decodeText = ({ source, start, end }: Texts, row: number): string => {
  const from = start(row);
  return source(row).toString('utf8', from, Math.min(end(row), from + maxTextBytes));
};
