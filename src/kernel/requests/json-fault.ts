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

/** Code units, because the search compares each character, and a comparison of texts takes several times as long. */
const unitOf = (character: string): number => character.charCodeAt(0);
const quote = unitOf('"');
const singleQuote = unitOf("'");
const slash = unitOf('/');
const asterisk = unitOf('*');
const comma = unitOf(',');
const backslash = unitOf('\\');
const lineFeed = unitOf('\n');
/** What a character is for the search, by its code unit. A table is several times as fast as a set. */
const [space, other, mark, letter] = [1, 0, 2, 3];
const kinds = new Uint8Array(128);
for (const each of ' \t\n\r') kinds[unitOf(each)] = space;
for (const each of `"'/]}`) kinds[unitOf(each)] = mark;
for (const [name] of words) kinds[unitOf(name)] = letter;

/** The number of the word by its first two letters, beginning with 1. No two words have the same ones. */
const starts = new Uint8Array(kinds.length ** 2);
const startOf = (first: number, second: number): number => first * kinds.length + second;
for (const [index, [name]] of words.entries()) starts[startOf(unitOf(name), name.charCodeAt(1))] = index + 1;

const faultOfLetter = (text: string, index: number): Fault | undefined => {
  const number = starts[startOf(text.charCodeAt(index), text.charCodeAt(index + 1))] ?? 0;
  if (number === 0) return undefined;
  const [name, remedy] = words[number - 1]!;
  // The last letter is compared first, because `startsWith` takes several times as long.
  const last = name.length - 1;
  const isWord = text.charCodeAt(index + last) === name.charCodeAt(last) && text.startsWith(name, index);
  return isWord ? { index, remedy } : undefined;
};

/** The index of the quote that ends the text which begins at `start`, or `end`. */
const endOfText = (text: string, start: number, end: number): number => {
  let index = start + 1;
  for (let unit = text.charCodeAt(index); index < end && unit !== quote; unit = text.charCodeAt(index)) {
    index += unit === backslash ? 2 : 1;
  }
  return index;
};

/**
 * The fault that begins with this mark, or ends with it.
 * @param before the index of the last character before it that is not a space
 */
const faultOfMark = (text: string, index: number, before: number): Fault | undefined => {
  const unit = text.charCodeAt(index);
  if (unit === singleQuote) return { index, remedy: `write texts in double quotes ("), not in single quotes (')` };
  if (unit !== slash) {
    const isAfterComma = text.charCodeAt(before) === comma;
    return isAfterComma ? { index: before, remedy: `remove the comma before ${text[index]}` } : undefined;
  }
  const next = text.charCodeAt(index + 1);
  const isComment = next === slash || next === asterisk;
  return isComment ? { index, remedy: 'remove the comment, because JSON has no comments' } : undefined;
};

/** The first usual mistake outside the texts of a broken JSON body. */
const usualFault = (text: string): Fault | undefined => {
  const first = text.trimStart()[0];
  if (first === undefined) return { remedy: 'it is empty; send a JSON object' };
  if (first !== '{' && first !== '[' && /^[\w.%+-]{1,64}=/.test(text)) {
    return { remedy: 'it looks like a form (name=value); send a JSON object such as {"name": "value"}' };
  }
  const end = Math.min(text.length, maxCharacters);
  let before = -1;
  for (let index = 0; index < end; index++) {
    const unit = text.charCodeAt(index);
    const kind = unit < kinds.length ? kinds[unit] : other;
    if (kind === space) continue;
    if (unit === quote) index = endOfText(text, index, end);
    else if (kind !== other) {
      const fault = kind === mark ? faultOfMark(text, index, before) : faultOfLetter(text, index);
      if (fault !== undefined) return fault;
    }
    before = index;
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

/** `at line 2, column 7`, both counted from 1. Lines are not counted in a large body, because that takes long. No texts are made of them, because there may be 65,536. */
const placeOf = (text: string, index: number): string => {
  if (index >= maxCharacters) return `at character ${index + 1}`;
  let [line, start] = [1, 0];
  for (let at = 0; at < index; at += 1) {
    if (text.charCodeAt(at) === lineFeed) [line, start] = [line + 1, at + 1];
  }
  return `at line ${line}, column ${index - start + 1}`;
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
