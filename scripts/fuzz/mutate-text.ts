import { modelNames } from '#src/kernel/catalogue/pricing-models.ts';
import { byteChanges, createMutate, type Change } from './mutate-bytes.ts';

/** Replacements for a number, a text or a name. */
const plainValues =
  '0 -0 -1 1e309 -1e-400 1e12 NaN null true "" [] {} [[]] [null] "\\ud800" "\\u0000" "__proto__" "constructor" ' +
  '{"__proto__":{"a":1}} / .. % %00 %ff %2e%2e & = + 2147483648 9223372036854775808 2024-02-30';
const values = [
  ...plainValues.split(' '),
  '9'.repeat(400),
  '{"a":'.repeat(64),
  '['.repeat(1_000),
  `"${'a'.repeat(5_000)}"`,
  '1,'.repeat(2_000),
  '\u0000',
  '\u00e9',
  '\r\n',
  "' or 1=1 --",
];
/** Names that the service knows. */
const names = ['model', ...modelNames, 'symbol', 'dividends', 'put', 'high'];
/** A number, a quoted text, a word or a punctuation mark. */
const token = /-?\d[\d.eE+-]*|"(?:[^"\\]|\\.)*"|[\w-]+|[[\]{}:,&=?/%]/g;

/** Changes one token of a text. All bytes outside the token stay unchanged. */
const onToken =
  (change: (tokens: readonly string[], random: Parameters<Change>[0]) => string): Change =>
  (random, bytes) => {
    const text = Buffer.from(bytes).toString('latin1');
    const found = [...text.matchAll(token)];
    if (found.length === 0) return bytes;
    const { 0: old, index } = random.pick(found);
    const put = change([old, ...found.map(([each]) => each)], random);
    return Buffer.from(text.slice(0, index) + put + text.slice(index + old.length), 'latin1');
  };

/**
 * Tokens of the same kind may replace each other: numbers, quoted texts, words with the same first letter, punctuation
 * marks.
 */
const kindOf = (text: string): string => (/^[-\d]/.test(text) ? 'number' : /^[\w"]/.test(text) ? text[0]! : 'mark');

const replace = onToken(([old], { pick }) => (kindOf(old!) === 'mark' ? old! : pick(values)));
const replaceQuoted = onToken(([old], { pick }) =>
  old!.startsWith('"') ? JSON.stringify(pick([...values, ...names])) : old!,
);
const remove = onToken(() => '');
const duplicate = onToken(([old], { pick, below }) => `${old}${pick([',', '&', ''])}`.repeat(1 + below(pick([2, 50]))));
/** Replaces a token by another token of the same kind. */
const exchange = onToken(([old, ...tokens], { pick }) => {
  const alike = tokens.filter((each) => kindOf(each) === kindOf(old!));
  return pick(alike);
});
const scale = onToken(([old], { pick }) =>
  kindOf(old!) === 'number' ? `${old}${pick(['0', '00000', 'e3', 'e-9', 'e300'])}` : old!,
);
const textChanges = [replace, replaceQuoted, exchange, scale];

export const mutateText = createMutate([
  ...Array.from({ length: 6 }, () => textChanges).flat(),
  remove,
  duplicate,
  ...byteChanges,
]);
