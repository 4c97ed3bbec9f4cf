/** A text that is not JSON, without parts that are. */
export type BrokenJson = {
  /** The error of the parser for the shortened text. */
  readonly cause: SyntaxError;
  /** Characters of the shortened text. */
  readonly length: number;
  /** The index in the whole text of a character of the shortened one. */
  readonly indexOf: (position: number) => number;
};

/** The number of characters, as JavaScript counts them, of valid UTF-8. */
const charactersOf = (utf8: Uint8Array): number => {
  let count = 0;
  for (const byte of utf8) {
    // The other bytes of a character have the form 10xxxxxx. One of four bytes is two characters.
    if ((byte & 0xc0) !== 0x80) count += byte >= 0xf0 ? 2 : 1;
  }
  return count;
};

/**
 * Collects a JSON text in which short values stand for parts that have been parsed. The parser reads from the left, and its state behind a valid value does
 * not depend on the value. So it finds the same fault as in the whole text.
 * @param textOf see `parseInParts`
 */
export const createShortenedJson = (json: Uint8Array, textOf: (from: number, to: number) => string) => {
  const kept: { readonly at: number; readonly from: number }[] = [];
  let text = '';
  return {
    /** Adds the text of the bytes `from` (included) to `to` (excluded). */
    keep: (from: number, to: number): void => {
      kept.push({ at: text.length, from });
      text += textOf(from, to);
    },
    replace: (value: string): void => {
      text += value;
    },
    parse: (): { readonly value: unknown } | BrokenJson => {
      try {
        return { value: JSON.parse(text) };
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        const indexOf = (position: number): number => {
          const { at, from } = kept.findLast((each) => each.at <= position)!;
          return charactersOf(json.subarray(0, from)) + position - at;
        };
        return { cause: error, length: text.length, indexOf };
      }
    },
  };
};
