const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** Whether each member of the first one is equal in the second one. A member with the value undefined counts as absent. */
const hasMembersOf = (
  one: Readonly<Record<string, unknown>>,
  other: Readonly<Record<string, unknown>>,
  areEqual: (one: unknown, other: unknown) => boolean,
): boolean => {
  for (const name in one) {
    const member = one[name];
    if (member === undefined) continue;
    if (!Object.hasOwn(other, name) || !areEqual(member, other[name])) return false;
  }
  return true;
};

/**
 * Whether two values are the same as JSON, for any order of the members. It makes no text: the canonical texts of two
 * documents of 512 KB take 10 ms.
 */
export const sameJson = (one: unknown, other: unknown): boolean => {
  if (!isObject(one) || !isObject(other)) return one === other;
  if (Array.isArray(one) || Array.isArray(other)) {
    if (!Array.isArray(one) || !Array.isArray(other) || one.length !== other.length) return false;
    return one.every((item, index) => sameJson(item, other[index]));
  }
  return hasMembersOf(one, other, sameJson) && hasMembersOf(other, one, (_, given) => given !== undefined);
};
