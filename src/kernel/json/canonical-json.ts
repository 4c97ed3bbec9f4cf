const hasMembers = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !('toJSON' in value);

/**
 * The canonical text of a value by RFC 8785 (JSON Canonicalization Scheme): members sorted by UTF-16 code units, no
 * white space, numbers as ECMAScript writes them. Equal values give equal texts, for any order of the members. A value
 * that JSON cannot represent becomes what `JSON.stringify` makes of it: a member with the value undefined is left out.
 */
export const canonicalJson = (value: unknown): string => {
  if (!hasMembers(value)) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map((item: unknown) => canonicalJson(item)).join(',')}]`;
  const names = Object.keys(value)
    .filter((name) => value[name] !== undefined)
    .sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonicalJson(value[name])}`).join(',')}}`;
};
