import { isValid, type ColumnChunk } from './read-batch.ts';

/** Longer than every accepted text. A longer text makes its row fail, so its rest is not decoded. */
const maxTextBytes = 64;

/** Text `row` of a column of texts, at most 64 bytes of it; undefined for null. */
export const textAt = (chunk: ColumnChunk, row: number): string | undefined => {
  if (!isValid(chunk, row)) return undefined;
  const { offsets, texts } = chunk;
  const start = offsets[row]!;
  return texts.toString('utf8', start, Math.min(offsets[row + 1]!, start + maxTextBytes));
};
