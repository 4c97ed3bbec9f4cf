import type { Steps } from '#src/kernel/streams/turns.ts';
import type { Column } from '../batch/columns/columns.ts';
import type { Dictionary } from '#src/kernel/arrow/dictionary.ts';
import { createIntegerMap } from '#src/kernel/lists/integer-map.ts';
import { isValid, textAt, valuesOf, type ColumnChunk } from '#src/kernel/arrow/read-batch.ts';
import type { IndexArray, Layout } from '#src/kernel/arrow/read-type.ts';
import { inRowSteps } from '#src/kernel/arrow/row-steps.ts';
import { maxTextBytes } from '#src/kernel/arrow/texts.ts';
import type { CountText } from './text-memory.ts';

/**
 * Number of recently decoded texts to compare with the next one by their bytes, so that it need not be decoded again. A
 * column such as option_type has two different texts.
 */
const recentTexts = 4;

/** For each row the index of its text in `texts`; -1 for null. */
type Codes = { readonly codes: Int32Array; readonly texts: readonly (string | undefined)[] };

const columnOf = function* ({ codes, texts }: Codes): Steps<Column> {
  const textOf = (index: number): string | undefined => texts[codes[index]!];
  const only = textOf(0);
  let isOnly = true;
  yield* inRowSteps([codes], () => (start, end) => {
    for (let index = start; isOnly && index < end; index++) {
      isOnly = codes[index] === codes[0] || textOf(index) === only;
    }
  });
  return isOnly ? { at: textOf, only } : { at: textOf };
};

type RecentText = {
  readonly source: Buffer;
  readonly start: number;
  readonly length: number;
  readonly code: number;
};

const isSame = (known: RecentText, bytes: Buffer, start: number, length: number): boolean => {
  if (known.length !== length) return false;
  for (let k = 0; k < length; k++) if (known.source[known.start + k] !== bytes[start + k]) return false;
  return true;
};

export const textColumn = function* (
  chunks: readonly ColumnChunk[],
  size: number,
  countText: CountText,
): Steps<Column> {
  const codes = new Int32Array(size).fill(-1);
  const texts: (string | undefined)[] = [];
  yield* inRowSteps(chunks, (chunk, position) => {
    let decoded = 0;
    const recent: RecentText[] = [];
    const codeOf = (row: number): number => {
      const source = chunk.texts.source(row);
      const start = chunk.texts.start(row);
      const length = chunk.texts.end(row) - start;
      // Views may all point to one long text. A comparison of such texts would take time without a bound.
      const found =
        length > maxTextBytes ? undefined : recent.find((known) => isSame(known, source, start, length))?.code;
      if (found !== undefined) return found;
      const code = texts.push(countText(textAt(chunk, row))) - 1;
      recent[decoded++ % recentTexts] = { source, start, length, code };
      return code;
    };
    return (start, end) => {
      for (let row = start; row < end; row++) if (isValid(chunk, row)) codes[position + row] = codeOf(row);
    };
  });
  return yield* columnOf({ codes, texts });
};

/** A chunk of indices, and the dictionary that was current when the chunk was read. */
export type DictionaryChunk = ColumnChunk & { readonly dictionary: Dictionary };

export const dictionaryColumn = function* (
  layout: Layout<IndexArray>,
  chunks: readonly DictionaryChunk[],
  size: number,
  countText: CountText,
): Steps<Column> {
  const codes = new Int32Array(size).fill(-1);
  const texts: (string | undefined)[] = [];
  let known = createIntegerMap<number>();
  let last: Dictionary | undefined;
  yield* inRowSteps(chunks, (chunk, position) => {
    const { dictionary } = chunk;
    if (dictionary !== last) known = createIntegerMap();
    last = dictionary;
    const indices = valuesOf(chunk.values, layout, chunk.length);
    const codeOf = (index: number): number => {
      const found = known.get(index);
      if (found !== undefined) return found;
      const code = texts.push(countText(dictionary.text(index))) - 1;
      known.set(index, code);
      return code;
    };
    return (start, end) => {
      for (let row = start; row < end; row++) {
        if (isValid(chunk, row)) codes[position + row] = codeOf(Number(indices[row]));
      }
    };
  });
  return yield* columnOf({ codes, texts });
};
