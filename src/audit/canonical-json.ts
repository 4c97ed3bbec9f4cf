import type { Json } from '#src/kernel/ports/audit.ts';

const quoted = (text: string): string => {
  // The type jsonb of PostgreSQL cannot store them, so the hash of the stored event would differ.
  if (!text.isWellFormed() || text.includes('\0')) {
    throw new Error('Canonical JSON must not contain lone surrogates or NUL');
  }
  return JSON.stringify(text);
};

/**
 * The canonical text of a JSON value by RFC 8785 (JSON Canonicalization Scheme): members sorted by UTF-16 code units,
 * no white space, numbers as ECMAScript writes them. Equal values give equal bytes, also after they were stored in a
 * database column, and for any order of the members.
 * @throws Error for values that JSON or jsonb cannot store: numbers that are not finite, lone surrogates, NUL
 */
export const canonicalJson = (value: Json): string => {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new Error('Canonical JSON must contain only finite numbers');
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map((item: Json) => canonicalJson(item)).join(',')}]`;
  const members = value as { readonly [name: string]: Json };
  const names = Object.keys(members).sort();
  return `{${names.map((name) => `${quoted(name)}:${canonicalJson(members[name]!)}`).join(',')}}`;
};
