import { isIP } from 'node:net';
import { z } from 'zod';

/**
 * Schemas from the text of an environment variable to its value. A message follows the name of the variable in a
 * sentence.
 */

export const integer = (min: number, max: number) =>
  z
    .string()
    // A leading zero can be meant as octal.
    .regex(/^(?:0|-?[1-9]\d*)$/, 'must be a whole number without a leading zero')
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be from ${min} to ${max}`);
export const milliseconds = (max = 600_000) => integer(1, max);
const maxPoints = 1_000_000_000;
export const points = integer(1, maxPoints);
export const boolean = z.enum(['true', 'false'], 'must be true or false').transform((value) => value === 'true');
export const oneOf = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values, `must be one of ${values.join(', ')}`);
export const url = (...protocols: string[]) =>
  z.string().refine(
    (value) => {
      const parsed = URL.parse(value);
      return parsed !== null && protocols.includes(parsed.protocol);
    },
    `must be a URL starting with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
  );
/** True if a path can be appended to this URL, and it holds no password. */
export const isBaseUrl = (value: string): boolean => {
  const { search, hash, username, password } = URL.parse(value) ?? {};
  return !search && !hash && !username && !password && !/[?#]/.test(value);
};
const entriesOf = (value: string): string[] =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
/** Entries with commas between them. A text of spaces and commas only is refused, because something was left out. */
export const list = z
  .string()
  .refine((value) => value === '' || entriesOf(value).length > 0, 'must have an entry between its commas')
  .transform(entriesOf);

/**
 * True if a browser can send this text as `Origin`: only scheme, host and port. `null` is refused, because many origins
 * share it.
 */
const isOrigin = (entry: string): boolean => {
  const parsed = URL.parse(entry);
  return parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.origin === entry && !entry.includes('*');
};

/** `*` must be the only entry, because with other origins it would not be clear which of them get credentials. */
export const origins = list.refine(
  (entries) => (entries.length === 1 && entries[0] === '*') || entries.every(isOrigin),
  'must list origins such as https://app.example or http://localhost:5173 (lower case, no path, no slash at the end, no default port, not null), or be * alone',
);

/** The shortest prefix is that of 10.0.0.0/8 or fc00::/7. A shorter one contains clients, who could then choose their own addresses and pass all limits. */
export const isNetwork = (entry: string): boolean => {
  const [address = '', prefix, ...rest] = entry.split('/');
  if (isIP(address) === 0 || rest.length > 0) return false;
  if (prefix === undefined) return true;
  const [minBits, maxBits] = isIP(address) === 6 ? [7, 128] : [8, 32];
  return /^\d{1,3}$/.test(prefix) && Number(prefix) >= minBits && Number(prefix) <= maxBits;
};

/** Keys of 32 bytes in base64 or base64url, comma-separated. */
export const encryptionKeys = list.transform((values, issues): readonly Buffer[] => {
  const keys = values.map((value) => Buffer.from(value, 'base64'));
  if (keys.length === 0 || keys.some(({ length }) => length !== 32)) {
    issues.addIssue({ code: 'custom', message: 'must be 32 bytes in base64; several keys are comma-separated' });
  }
  return keys;
});

const clientLimitPattern = /^([^=\s]{1,200})=(\d{1,10})$/;

/** Requests per minute of each named client. For example `partner=3000,load-test=1000000`. */
export const clientLimits = list.transform((entries, issues): ReadonlyMap<string, number> => {
  const limits = new Map<string, number>();
  for (const [index, entry] of entries.entries()) {
    const [, id = '', digits = ''] = clientLimitPattern.exec(entry) ?? [];
    const points = Number(digits);
    const isRight = id !== '' && points >= 1 && points <= maxPoints && !limits.has(id);
    if (isRight) limits.set(id, points);
    else {
      issues.addIssue({
        code: 'custom',
        message: `(entry ${index + 1}) must be the id of a client, named once, and its requests per minute from 1 to ${maxPoints}, such as partner=3000`,
      });
      break;
    }
  }
  return limits;
});
