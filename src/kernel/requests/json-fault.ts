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

/** The remedy for a usual mistake outside the texts of a broken JSON body. */
const remedyOf = (text: string): string | undefined => {
  const first = text.trimStart()[0];
  if (first === undefined) return 'it is empty';
  if (first !== '{' && first !== '[' && /^[\w.%+-]+=/.test(text)) return 'it looks like a form: send a JSON object';
  const end = Math.min(text.length, maxCharacters);
  let lastToken = '';
  for (let index = 0; index < end; index++) {
    const character = text[index]!;
    if (character === '"') {
      for (index++; index < end && text[index] !== '"'; index++) if (text[index] === '\\') index++;
    } else if (character === "'") return "texts need double quotes, not '";
    else if ((character === '}' || character === ']') && lastToken === ',') {
      return `the comma before ${character} must go`;
    } else if (character === '/' && (text[index + 1] === '/' || text[index + 1] === '*')) {
      return 'JSON has no comments';
    } else {
      const word = words.find(([name]) => text.startsWith(name, index));
      if (word !== undefined) return word[1];
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
