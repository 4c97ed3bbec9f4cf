import type { Json } from '#src/kernel/audit.ts';

const quoted = (text: string): string => {
  // PostgreSQL's jsonb holds neither, so what was hashed could not be read back.
  if (!text.isWellFormed() || text.includes('\0')) throw new Error('Canonical JSON holds no lone surrogate and no NUL');
  return JSON.stringify(text);
};

/**
 * The one text of a JSON value, after RFC 8785 (JSON Canonicalization Scheme): members sorted by UTF-16 code units, no
 * white space, numbers as ECMAScript writes them. Equal values give equal bytes, whatever database column, driver or
 * member order they came through.
 * @throws Error for what JSON or jsonb cannot hold: numbers that are not finite, lone surrogates, NUL
 */
export const canonicalJson = (value: Json): string => {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new Error('Canonical JSON holds finite numbers only');
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map((item: Json) => canonicalJson(item)).join(',')}]`;
  const members = value as { readonly [name: string]: Json };
  const names = Object.keys(members).sort();
  return `{${names.map((name) => `${quoted(name)}:${canonicalJson(members[name]!)}`).join(',')}}`;
};
