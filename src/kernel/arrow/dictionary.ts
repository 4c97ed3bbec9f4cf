import { createIntegerMap } from '#src/kernel/lists/integer-map.ts';
import { contradiction } from './faults.ts';
import { textAt, type ColumnChunk } from './read-batch.ts';

/**
 * The texts for the indices of a column. A dictionary may be larger than the batch, so only the texts in use are
 * decoded.
 */
export type Dictionary = {
  /** Adds entries after the existing ones. */
  readonly append: (chunk: ColumnChunk) => void;
  /** @throws AppError `malformed_body` for an index outside the dictionary */
  readonly text: (index: number) => string | undefined;
};

export const createDictionary = (): Dictionary => {
  const chunks: ColumnChunk[] = [];
  /** The index of the first entry of each chunk. */
  const starts: number[] = [];
  const decoded = createIntegerMap<string | undefined>();
  let size = 0;

  /** The last chunk that begins at or before `index`, by binary search. */
  const chunkOf = (index: number): number => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  };

  return {
    append: (chunk) => {
      if (chunk.length === 0) return;
      chunks.push(chunk);
      starts.push(size);
      size += chunk.length;
    },
    text: (index) => {
      if (!(index >= 0 && index < size)) throw contradiction('an index is outside its dictionary');
      if (decoded.has(index)) return decoded.get(index);
      const at = chunkOf(index);
      const text = textAt(chunks[at]!, index - starts[at]!);
      decoded.set(index, text);
      return text;
    },
  };
};
