const comma = 44;
const newLine = 10;
const quote = 34;

export type Split = {
  /** The line on which each record ends; the first line of the text is 1. */
  readonly lines: number[];
  readonly rows: string[][];
  readonly lineCount: number;
  /** Lines that are no records and no part of one. */
  readonly blankLineCount: number;
};

const isBlank = (code: number): boolean => code === 32 || code === 9 || code === 11 || code === 12 || code === 13;

/**
 * Splits a text of complete records that may have quoted values (RFC 4180). Blanks around a value are removed, and empty
 * lines are no records. The work is linear: a record with a wrong number of values costs no more than any other.
 * @returns the number of the line with a quote where none may be, if there is one
 */
export const splitQuoted = (text: string): Split | number => {
  const lines: number[] = [];
  const rows: string[][] = [];
  let row: string[] = [];
  let line = 1;
  let blankLineCount = 0;
  let at = 0;
  const { length } = text;

  /** Reads the quoted value that starts at `at`. Undefined: it does not end. */
  const quotedValue = (): string | undefined => {
    const start = at + 1;
    let isEscaped = false;
    for (at = start; at < length; at += 1) {
      const code = text.charCodeAt(at);
      if (code === newLine) line += 1;
      if (code !== quote) continue;
      if (text.charCodeAt(at + 1) !== quote) {
        const value = text.slice(start, at);
        at += 1;
        return isEscaped ? value.replaceAll('""', '"') : value;
      }
      isEscaped = true;
      at += 1;
    }
    return undefined;
  };
  const skipBlanks = (): void => {
    while (at < length && isBlank(text.charCodeAt(at))) at += 1;
  };
  /** Reads the value that starts at `at`. Undefined: it has a quote that neither opens nor closes it. */
  const plainValue = (): string | undefined => {
    const start = at;
    for (; at < length; at += 1) {
      const code = text.charCodeAt(at);
      if (code === quote) return undefined;
      if (code === comma || code === newLine) break;
    }
    return text.slice(start, at).trimEnd();
  };

  const add = (values: readonly string[], isQuoted: boolean, isLast: boolean): void => {
    const isEmptyLine = isLast && row.length === 0 && values.length === 1 && values[0] === '' && !isQuoted;
    if (isEmptyLine) {
      blankLineCount += 1;
      return;
    }
    row.push(...values);
    if (!isLast) return;
    lines.push(line);
    rows.push(row);
    row = [];
  };

  while (at < length) {
    skipBlanks();
    const isQuoted = text.charCodeAt(at) === quote;
    const value = isQuoted ? quotedValue() : plainValue();
    if (value === undefined) return line;
    skipBlanks();
    const code = at < length ? text.charCodeAt(at) : newLine;
    if (code !== comma && code !== newLine) return line;
    // A comma at the end of the text has an empty value after it.
    const values = code === comma && at + 1 === length ? [value, ''] : [value];
    add(values, isQuoted, code === newLine || values.length === 2);
    if (code === newLine && at < length) line += 1;
    at += 1;
  }
  return { lines, rows, lineCount: line - 1, blankLineCount };
};
