import { isValid, type ColumnChunk } from './read-batch.ts';

/** Longer than any accepted text: what is longer is refused by its row, whatever its end. */
const maxTextBytes = 64;

/** Text `row` of a column of texts, at most 64 bytes of it; undefined for null. */
export const textAt = (chunk: ColumnChunk, row: number): string | undefined => {
  if (!isValid(chunk, row)) return undefined;
  const { offsets, values } = chunk;
  const [start, end] = [offsets[row]!, offsets[row + 1]!];
  const length = Math.min(end - start, maxTextBytes);
  return Buffer.from(values.buffer, values.byteOffset + start, length).toString('utf8');
};
