/** Longest statement looked at, and longest text kept: a bulk insert with inlined values can be megabytes long. */
const longestInput = 16_384;
const longestOutput = 2_048;

/**
 * One alternative per lexical element of PostgreSQL (section 4.1 of its manual), in an order in which the first match
 * is the right one. A string or comment that never ends runs to the end of the text: nothing of it may survive.
 */
const lexeme = new RegExp(
  [
    String.raw`(?<comment>--[^\n]*|/\*)`,
    String.raw`(?<dollar>\$(?<tag>[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*|)\$)`,
    String.raw`(?<parameter>\$\d+)`,
    String.raw`(?<escaped>[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|\\?$))`,
    String.raw`(?<text>(?:[uU]&|[bBxXnN])?'(?:[^']|'')*(?:'|$))`,
    String.raw`(?<quoted>(?:[uU]&)?"(?:[^"]|"")*")`,
    String.raw`(?<openQuoted>(?:[uU]&)?"[\s\S]*$)`,
    String.raw`(?<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)`,
    String.raw`(?<number>(?:\d[\w.]*|\.\d[\w.]*)(?:(?<=[\d_.][eE])[+-]\d[\d_]*)?)`,
    String.raw`(?<space>\s+)`,
    String.raw`(?<other>[\s\S])`,
  ].join('|'),
  'gy',
);

/** Comments nest in PostgreSQL. @returns the index after the comment that opens at `start` */
const endOfBlockComment = (text: string, start: number): number => {
  const edge = /\/\*|\*\//g;
  edge.lastIndex = start + 2;
  for (let depth = 1, found = edge.exec(text); found; found = edge.exec(text)) {
    depth += found[0] === '/*' ? 1 : -1;
    if (depth === 0) return edge.lastIndex;
  }
  return text.length;
};

const endOfDollarQuote = (text: string, delimiter: string, start: number): number => {
  const end = text.indexOf(delimiter, start + delimiter.length);
  return end < 0 ? text.length : end + delimiter.length;
};

/**
 * A statement without its literals: strings (plain, E'', U&'', B'', X'', dollar-quoted) and numbers become `?`,
 * comments go, lists of `?` and rows of such lists become one. Bound parameters (`$1`) and identifiers stay.
 * Cut to 2,048 characters. Linear in the length of the first 16,384.
 */
export const sqlWithoutLiterals = (statement: string): string => {
  const text = statement.length > longestInput ? statement.slice(0, longestInput) : statement;
  let result = '';
  lexeme.lastIndex = 0;
  while (lexeme.lastIndex < text.length) {
    const start = lexeme.lastIndex;
    const match = lexeme.exec(text);
    if (!match?.groups) break;
    const { comment, dollar, escaped, text: string, number, openQuoted, space } = match.groups;
    if (comment !== undefined) {
      if (comment === '/*') lexeme.lastIndex = endOfBlockComment(text, start);
      result += ' ';
    } else if (dollar !== undefined) {
      lexeme.lastIndex = endOfDollarQuote(text, dollar, start);
      result += '?';
    } else if (escaped !== undefined || string !== undefined || number !== undefined || openQuoted !== undefined) {
      result += '?';
    } else result += space === undefined ? match[0] : ' ';
  }
  const short = result
    .replaceAll(/\?(?:\s*,\s*-?\s*\?)+/g, '?')
    .replaceAll(/(\(\s*\?\s*\))(?:\s*,\s*\(\s*\?\s*\))+/g, '$1')
    .replaceAll(/ {2,}/g, ' ')
    .trim();
  return short.length > longestOutput ? `${short.slice(0, longestOutput)}…` : short;
};
