/** Spaces and tabs only, because `trim()` removes U+00A0 too: a browser does not see the prefix `__Host-` in such a name. */
const withoutBlanks = (text: string): string => {
  const isBlank = (at: number): boolean => text[at] === ' ' || text[at] === '\t';
  let [from, to] = [0, text.length];
  while (from < to && isBlank(from)) from += 1;
  while (to > from && isBlank(to - 1)) to -= 1;
  return text.slice(from, to);
};

/**
 * Reads a cookie whose name has the prefix `__Host-`. A browser keeps one cookie of such a name, so a header with two of them
 * was made by somebody else, and neither is used.
 * @param header the header `Cookie`
 * @param shape what a value must match as a whole; other values are left out
 */
export const hostCookieIn = (
  header: string | undefined,
  name: `__Host-${string}`,
  shape: RegExp,
): string | undefined => {
  const found: string[] = [];
  for (const pair of header?.split(';') ?? []) {
    const at = pair.indexOf('=');
    if (at < 0 || withoutBlanks(pair.slice(0, at)) !== name) continue;
    found.push(withoutBlanks(pair.slice(at + 1)));
  }
  const [value] = found;
  return found.length === 1 && value !== undefined && shape.test(value) ? value : undefined;
};
