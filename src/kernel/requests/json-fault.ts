import { AppError } from '../catalogue/errors.ts';

/** Faults are searched in this many characters only, because the search is slower than the parser. */
const maxCharacters = 65_536;

const words: readonly (readonly [word: string, remedy: string])[] = [
  ['NaN', 'NaN is not JSON: send null in a column, or leave the member out'],
  ['Infinity', 'Infinity is not JSON: send a finite number'],
  ['None', 'None is not JSON: send null, or leave the member out'],
  ['True', 'True is not JSON: send true'],
  ['False', 'False is not JSON: send false'],
  ['undefined', 'undefined is not JSON: leave the member out'],
];

/** The index of the quote that ends the text which begins at `start`, or `end`. */
const endOfText = (text: string, start: number, end: number): number => {
  let index = start + 1;
  while (index < end && text[index] !== '"') index += text[index] === '\\' ? 2 : 1;
  return index;
};

/** The remedy for a mistake that begins with this character. */
const remedyAt = (text: string, index: number, lastToken: string): string | undefined => {
  const character = text[index]!;
  if (character === "'") return "texts need double quotes, not '";
  if ((character === '}' || character === ']') && lastToken === ',') return `the comma before ${character} must go`;
  if (text.startsWith('//', index) || text.startsWith('/*', index)) return 'JSON has no comments';
  return words.find(([name]) => text.startsWith(name, index))?.[1];
};

/** The remedy for a usual mistake outside the texts of a broken JSON body. */
const remedyOf = (text: string): string | undefined => {
  const first = text.trimStart()[0];
  if (first === undefined) return 'it is empty';
  if (first !== '{' && first !== '[' && /^[\w.%+-]+=/.test(text)) return 'it looks like a form: send a JSON object';
  const end = Math.min(text.length, maxCharacters);
  let lastToken = '';
  for (let index = 0; index < end; index++) {
    const character = text[index]!;
    if (character === '"') index = endOfText(text, index, end);
    else {
      const remedy = remedyAt(text, index, lastToken);
      if (remedy !== undefined) return remedy;
    }
    if (!/\s/.test(character)) lastToken = character;
  }
  return undefined;
};

/** The error of a body that is not JSON, with the remedy where the mistake is a usual one. */
export const malformedJson = (text: string, cause: unknown): AppError => {
  const remedy = remedyOf(text);
  const detail = 'The body is not valid JSON';
  return new AppError('malformed_body', remedy === undefined ? detail : `${detail}: ${remedy}`, { cause });
};
