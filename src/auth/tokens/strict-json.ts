/** The JSON object of a token, without repeated members. */
export type JsonObject = Readonly<Record<string, unknown>>;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Matches all strings of a JSON text. Strings before a colon are member names. */
const strings = /"(?:[^"\\]|\\.)*"(\s*:)?/gs;

/**
 * Parses a JSON object in UTF-8 and refuses repeated names, as RFC 8725 recommends for tokens. `JSON.parse` takes the last
 * of two members with one name, but another reader of the same token may take the first.
 * @returns undefined unless the text is one well-formed object without repeated names
 */
export const parseStrictObject = (bytes: Uint8Array): JsonObject | undefined => {
  try {
    const text = utf8.decode(bytes);
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    let names = 0;
    for (const match of text.matchAll(strings)) if (match[1] !== undefined) names += 1;
    return names === countMembers(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
};

const countMembers = (value: object): number => {
  const members: unknown[] = Object.values(value);
  let count = Array.isArray(value) ? 0 : members.length;
  for (const member of members) if (typeof member === 'object' && member !== null) count += countMembers(member);
  return count;
};

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const onlyAlphabet = /^[A-Za-z0-9_-]*$/;

/** Whether a text is base64url without padding whose unused bits are zero. Each byte string has exactly one such form. */
export const isCanonicalBase64url = (text: string): boolean => {
  if (!onlyAlphabet.test(text)) return false;
  const rest = text.length % 4;
  if (rest === 0) return true;
  if (rest === 1) return false;
  return alphabet.indexOf(text.at(-1) ?? '') % (rest === 2 ? 16 : 4) === 0;
};
