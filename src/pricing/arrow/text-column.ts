import type { Column } from '../batch/columns/columns.ts';
import type { Dictionary } from '#src/kernel/arrow/dictionary.ts';
import { isValid, textAt, valuesOf, type ColumnChunk } from '#src/kernel/arrow/read-batch.ts';
import type { IndexArray, Layout } from '#src/kernel/arrow/read-type.ts';
import { maxTextBytes } from '#src/kernel/arrow/texts.ts';
import type { CountText } from './text-memory.ts';

/**
 * Number of recently decoded texts to compare with the next one by their bytes, so that it need not be decoded again. A
 * column such as option_type has two different texts.
 */
const recentTexts = 4;

/** For each row the index of its text in `texts`; -1 for null. */
type Codes = { readonly codes: Int32Array; readonly texts: readonly (string | undefined)[] };

const columnOf = ({ codes, texts }: Codes): Column => {
  const textOf = (index: number): string | undefined => texts[codes[index]!];
  const only = textOf(0);
  for (let index = 1; index < codes.length; index++) {
    if (codes[index] !== codes[0] && textOf(index) !== only) return { at: textOf };
  }
  return { at: textOf, only };
};

export const textColumn = (chunks: readonly ColumnChunk[], size: number, countText: CountText): Column => {
  const codes = new Int32Array(size).fill(-1);
  const texts: (string | undefined)[] = [];
  let next = 0;
  for (const chunk of chunks) {
    let decoded = 0;
    const recent: {
      readonly source: Buffer;
      readonly start: number;
      readonly length: number;
      readonly code: number;
    }[] = [];
    const find = (bytes: Buffer, start: number, length: number): number | undefined =>
      recent.find((known) => {
        if (known.length !== length) return false;
        for (let k = 0; k < length; k++) if (known.source[known.start + k] !== bytes[start + k]) return false;
        return true;
      })?.code;
    for (let row = 0; row < chunk.length; row++, next++) {
      if (!isValid(chunk, row)) continue;
      const source = chunk.texts.source(row);
      const start = chunk.texts.start(row);
      const length = chunk.texts.end(row) - start;
      // Views may all point to one long text. A comparison of such texts would take time without a bound.
      let code = length > maxTextBytes ? undefined : find(source, start, length);
      if (code === undefined) {
        code = texts.push(countText(textAt(chunk, row))) - 1;
        recent[decoded++ % recentTexts] = { source, start, length, code };
      }
      codes[next] = code;
    }
  }
  return columnOf({ codes, texts });
};

/** A chunk of indices, and the dictionary that was current when the chunk was read. */
export type DictionaryChunk = { readonly chunk: ColumnChunk; readonly dictionary: Dictionary };

export const dictionaryColumn = (
  layout: Layout<IndexArray>,
  chunks: readonly DictionaryChunk[],
  size: number,
  countText: CountText,
): Column => {
  const codes = new Int32Array(size).fill(-1);
  const texts: (string | undefined)[] = [];
  let next = 0;
  let known = new Map<number, number>();
  let last: Dictionary | undefined;
  for (const { chunk, dictionary } of chunks) {
    if (dictionary !== last) known = new Map();
    last = dictionary;
    const indices = valuesOf(chunk.values, layout, chunk.length);
    for (let row = 0; row < chunk.length; row++, next++) {
      if (!isValid(chunk, row)) continue;
      const index = Number(indices[row]);
      let code = known.get(index);
      if (code === undefined) {
        code = texts.push(countText(dictionary.text(index))) - 1;
        known.set(index, code);
      }
      codes[next] = code;
    }
  }
  return columnOf({ codes, texts });
};
