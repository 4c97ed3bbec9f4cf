/**
 * The value of a standard OpenTelemetry variable. The specification wants an invalid value to be reported and then
 * ignored, so a parser returns what it understood together with the problem.
 */
type Parsed<Value> = { readonly value?: Value | undefined; readonly problem?: string };
export type Parser<Value> = (text: string) => Parsed<Value>;

export const flag: Parser<boolean> = (text) => {
  const word = text.toLowerCase();
  return word === 'true' || word === 'false'
    ? { value: word === 'true' }
    : { value: false, problem: 'must be true or false, so it counts as false' };
};

const numeric = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;

/** A number in any usual notation: `0.1`, `.1`, `1e-1`. */
export const number =
  (min: number, max: number): Parser<number> =>
  (text) => {
    const value = numeric.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max
      ? { value }
      : { problem: `must be a number from ${min} to ${max}, so the default is used` };
  };

export const wholeNumber =
  (min: number, max = 2_147_483_647): Parser<number> =>
  (text) => {
    const { value } = number(min, max)(text);
    return Number.isInteger(value)
      ? { value }
      : { problem: `must be a whole number from ${min} to ${max}, so the default is used` };
  };

export const word =
  <const Word extends string>(words: readonly Word[], refused = ''): Parser<Word> =>
  (text) => {
    const value = words.find((each) => each === text.toLowerCase());
    return value === undefined
      ? { problem: `must be one of ${words.join(', ')}, so the default is used${refused}` }
      : { value };
  };

/** A list with commas. Unknown words are reported and left out; if all are unknown, the default is used. */
export const words =
  <const Word extends string>(known: readonly Word[], refused: Readonly<Record<string, string>> = {}): Parser<Word[]> =>
  (text) => {
    const entries = text
      .split(',')
      .map((entry) => entry.trim().toLowerCase())
      .filter((entry) => entry !== '');
    const value = known.filter((each) => entries.includes(each));
    const isUnknown = (entry: string): boolean => !(known as readonly string[]).includes(entry);
    const unknown = entries.filter(isUnknown);
    if (unknown.length === 0) return { value };
    const reasons = unknown.flatMap((entry) => {
      const reason = Object.hasOwn(refused, entry) ? refused[entry] : undefined;
      return reason === undefined ? [] : [`${entry}: ${reason}`];
    });
    const others = unknown.length - reasons.length;
    const problem = [
      ...reasons,
      ...(others > 0 ? [`${others} unknown ${others === 1 ? 'entry' : 'entries'} ignored`] : []),
      `known are ${known.join(', ')}`,
    ].join('; ');
    return { value: value.length > 0 ? value : undefined, problem: `has entries that have no effect (${problem})` };
  };

const maxAttributeLength = 255;

/** Decodes one `key=value`. @throws Error or URIError if it is not one */
const attribute = (entry: string): readonly [string, string] => {
  const [key, value, ...rest] = entry.split('=').map((part) => decodeURIComponent(part.trim()));
  if (!key || value === undefined || rest.length > 0) throw new Error('no pair');
  if (key.length > maxAttributeLength || value.length > maxAttributeLength) throw new Error('too long');
  return [key, value];
};

/** `key=value` pairs with commas, percent-encoded. After one error the whole value is ignored, as the specification says. */
export const attributes: Parser<Readonly<Record<string, string>>> = (text) => {
  try {
    const entries = text.split(',').filter((entry) => entry.trim() !== '');
    return { value: Object.fromEntries(entries.map(attribute)) };
  } catch {
    return {
      problem:
        'must be pairs key=value with commas, percent-encoded, each part of at most 255 characters, so all of it is ignored',
    };
  }
};
