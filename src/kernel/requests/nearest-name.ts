/** A shorter beginning of a name does not tell which name is meant. */
const minPrefix = 3;
/** A longer name is not compared, because the comparison takes time that grows with the length. */
const maxCharacters = 64;

const simple = (name: string): string => name.toLowerCase().replaceAll(/[\s_.-]/g, '');

/**
 * The number of inserted, removed, replaced or swapped characters between two names (optimal string alignment). A number of
 * `limit` or more may be any such number, because callers choose the names and most of them are near to nothing.
 */
const editDistance = (a: string, b: string, limit: number): number => {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  let minBefore = 0;
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    let min = row;
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1];
      let cost = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (isSame ? 0 : 1));
      const isSwapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (isSwapped) cost = Math.min(cost, beforeLast[column - 2]! + 1);
      current.push(cost);
      if (cost < min) min = cost;
    }
    // No number of a later row is below the min of this row and the row before it.
    if (min >= limit && minBefore >= limit) return limit;
    minBefore = min;
    beforeLast = last;
    last = current;
  }
  return last[b.length]!;
};

/**
 * The known name that a caller probably meant: the nearest one, or the only one that begins like it; undefined if there is
 * none. Case, spaces, `_`, `-` and `.` do not count.
 * @param aliases other names in lower case without separators, and the known name that each one means
 */
export const nearestName = (
  name: string,
  known: readonly string[],
  aliases: Readonly<Record<string, string>> = {},
): string | undefined => {
  if (name.length > maxCharacters) return undefined;
  const wanted = simple(name);
  const alias = Object.hasOwn(aliases, wanted) ? aliases[wanted] : undefined;
  if (alias !== undefined && known.includes(alias)) return alias;
  let nearest: string | undefined;
  let smallest = Math.floor(wanted.length / 3) + 1;
  for (const candidate of known) {
    // The simple form of a known name is never longer than the name, and takes more time than this comparison.
    if (wanted.length - candidate.length >= smallest) continue;
    const distance = editDistance(wanted, simple(candidate), smallest);
    if (distance < smallest) {
      smallest = distance;
      nearest = candidate;
    }
  }
  if (nearest !== undefined || wanted.length < minPrefix) return nearest;
  const [longer, ...others] = known.filter(
    (candidate) => candidate.length >= wanted.length && simple(candidate).startsWith(wanted),
  );
  return others.length === 0 ? longer : undefined;
};

/** A refused text of a caller for a message: at most 64 characters, quoted, with control characters escaped. */
export const quoted = (text: string): string =>
  JSON.stringify(text.length > maxCharacters ? `${text.slice(0, maxCharacters)}...` : text).replaceAll(
    /[\u007F-\u009F\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** `a`, `a or b`, `a, b or c`. */
export const listed = (names: readonly string[], conjunction: 'or' | 'and' = 'or'): string =>
  names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} ${conjunction} ${names.at(-1)}`;
