/** Spaces and tabs only, because `trim()` removes U+00A0 too: a browser does not see the prefix `__Host-` in such a name. */
const isBlank = (character: string | undefined): boolean => character === ' ' || character === '\t';

const withoutBlanks = (text: string): string => {
  let [from, to] = [0, text.length];
  while (from < to && isBlank(text[from])) from += 1;
  while (to > from && isBlank(text[to - 1])) to -= 1;
  return text.slice(from, to);
};

/** The index behind the `=` of the cookie whose name is at this index; undefined if the name is a part of another text. */
const valueStart = (header: string, at: number, name: string): number | undefined => {
  let before = at - 1;
  while (isBlank(header[before])) before -= 1;
  if (before >= 0 && header[before] !== ';') return undefined;
  let behind = at + name.length;
  while (isBlank(header[behind])) behind += 1;
  return header[behind] === '=' ? behind + 1 : undefined;
};

/**
 * Reads a cookie whose name has the prefix `__Host-`. A browser keeps one cookie of such a name, so a header with two of them
 * was made by somebody else, and neither is used. The others are not read, because a header may have 8,000.
 * @param header the header `Cookie`
 * @param shape what a value must match as a whole; other values are left out
 */
export const hostCookieIn = (
  header: string | undefined,
  name: `__Host-${string}`,
  shape: RegExp,
): string | undefined => {
  if (header === undefined) return undefined;
  let value: string | undefined;
  for (let at = header.indexOf(name); at >= 0; at = header.indexOf(name, at + name.length)) {
    const start = valueStart(header, at, name);
    if (start === undefined) continue;
    if (value !== undefined) return undefined;
    const end = header.indexOf(';', start);
    value = withoutBlanks(header.slice(start, end === -1 ? undefined : end));
  }
  return value !== undefined && shape.test(value) ? value : undefined;
};
