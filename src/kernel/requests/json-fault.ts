import { AppError } from '../catalogue/errors.ts';

/** Faults are searched and lines are counted in this many characters only, because both are slower than the parser. */
export const maxCharacters = 65_536;

const emptyCell = 'in a column, null marks an empty cell';
/** Words of other languages that stand where a value must be, and the remedy for each. */
const words: readonly (readonly [word: string, remedy: string])[] = [
  ['NaN', `send a number in place of NaN; ${emptyCell}`],
  ['Infinity', 'send a finite number in place of Infinity'],
  ['None', `send a value in place of None, or remove an optional member; ${emptyCell}`],
  ['True', 'send true in place of True'],
  ['False', 'send false in place of False'],
  ['undefined', `send a value in place of undefined, or remove an optional member; ${emptyCell}`],
];

/** Where a fault begins, and its remedy. */
type Fault = { readonly index?: number; readonly remedy?: string };

/** The index of the quote that ends the text which begins at `start`, or `end`. */
const endOfText = (text: string, start: number, end: number): number => {
  let index = start + 1;
  while (index < end && text[index] !== '"') index += text[index] === '\\' ? 2 : 1;
  return index;
};

/** The characters that begin a usual mistake or a text, or follow a comma too many. The others cost one comparison each. */
const notable = new Set(['"', "'", '}', ']', '/', ...words.map(([name]) => name[0]!)]);
const space = /\s/;

/** The index of the last character before `index` that is not a space, or -1. */
const tokenBefore = (text: string, index: number): number => {
  let last = index - 1;
  while (last >= 0 && space.test(text[last]!)) last--;
  return last;
};

/** The fault that begins with this character, or ends with it. */
const faultAt = (text: string, index: number): Fault | undefined => {
  const character = text[index]!;
  if (character === "'") return { index, remedy: `write texts in double quotes ("), not in single quotes (')` };
  if (character === '}' || character === ']') {
    const last = tokenBefore(text, index);
    return text[last] === ',' ? { index: last, remedy: `remove the comma before ${character}` } : undefined;
  }
  if (character === '/') {
    const isComment = text[index + 1] === '/' || text[index + 1] === '*';
    return isComment ? { index, remedy: 'remove the comment, because JSON has no comments' } : undefined;
  }
  const remedy = words.find(([name]) => text.startsWith(name, index))?.[1];
  return remedy === undefined ? undefined : { index, remedy };
};

/** The first usual mistake outside the texts of a broken JSON body. */
const usualFault = (text: string): Fault | undefined => {
  const first = text.trimStart()[0];
  if (first === undefined) return { remedy: 'it is empty; send a JSON object' };
  if (first !== '{' && first !== '[' && /^[\w.%+-]+=/.test(text)) {
    return { remedy: 'it looks like a form (name=value); send a JSON object such as {"name": "value"}' };
  }
  const end = Math.min(text.length, maxCharacters);
  for (let index = 0; index < end; index++) {
    const character = text[index]!;
    if (!notable.has(character)) continue;
    if (character === '"') index = endOfText(text, index, end);
    else {
      const fault = faultAt(text, index);
      if (fault !== undefined) return fault;
    }
  }
  return undefined;
};

/** What the parser has read, and where its characters are in the body. */
type Parsed = { readonly cause: unknown; readonly length: number; readonly indexOf: (position: number) => number };

/** What the parser tells. Its other messages repeat a part of the body, which can be a secret, so they are not used. */
const parserFault = ({ cause, length, indexOf }: Parsed): Fault => {
  const message = cause instanceof Error ? cause.message : '';
  const position = / at position (\d+)/.exec(message)?.[1];
  if (message.startsWith('Unexpected end') || Number(position) >= length) {
    return { remedy: 'it ends too early; add the closing bracket or quote that is missing' };
  }
  return position === undefined ? {} : { index: indexOf(Number(position)) };
};

/** `at line 2, column 7`, both counted from 1. Lines are not counted in a large body, because that takes long. */
const placeOf = (text: string, index: number): string => {
  if (index >= maxCharacters) return `at character ${index + 1}`;
  const lines = text.slice(0, index).split('\n');
  return `at line ${lines.length}, column ${lines.at(-1)!.length + 1}`;
};

/**
 * The error of a body that is not JSON: where the fault is, and the remedy where the mistake is a usual one. It does not have the
 * error of the parser as its cause, because causes are logged.
 * @param text the body, or its first `maxCharacters` if `parsed` is given
 */
export const malformedJson = (
  text: string,
  cause: unknown,
  parsed: Omit<Parsed, 'cause'> = { length: text.length, indexOf: (position) => position },
): AppError => {
  const { index, remedy } = usualFault(text) ?? parserFault({ cause, ...parsed });
  const place = index === undefined ? '' : ` ${placeOf(text, index)}`;
  const advice = remedy === undefined ? '' : `: ${remedy}`;
  return new AppError('malformed_body', `The body is not valid JSON${place}${advice}`);
};
