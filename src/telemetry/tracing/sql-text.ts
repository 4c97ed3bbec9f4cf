/** Limits in characters, because a bulk insert with values in its text can have several megabytes. */
const maxInput = 16_384;
const maxOutput = 2_048;

/**
 * One alternative for each lexical element of PostgreSQL (section 4.1 of its manual), ordered so that the first match
 * is right. A string or comment without an end matches up to the end of the text, because no part of it must be kept.
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

/** Comments can be nested in PostgreSQL. @returns the index after the comment that starts at `start` */
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
 * Returns a statement without literals. Strings (plain, E'', U&'', B'', X'', dollar-quoted) and numbers become `?`.
 * Comments are removed. A list of `?`, or of rows of `?`, becomes one `?` or row. Bound parameters (`$1`) and
 * identifiers stay. The result has at most 2,048 characters. Only the first 16,384 characters are read, in linear time.
 */
export const sqlWithoutLiterals = (statement: string): string => {
  const text = statement.length > maxInput ? statement.slice(0, maxInput) : statement;
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
    .replaceAll(/\?(?:\s*,\s*(?:-\s*)?\?)+/g, '?')
    .replaceAll(/(\(\s*\?\s*\))(?:\s*,\s*\(\s*\?\s*\))+/g, '$1')
    .replaceAll(/ {2,}/g, ' ')
    .trim();
  return short.length > maxOutput ? `${short.slice(0, maxOutput)}…` : short;
};
