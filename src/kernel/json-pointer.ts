/**
 * Max characters of one name in a pointer, and of a pointer. Callers choose the names, and a request can have thousands of
 * errors about one long name, so a pointer with whole names would take memory and time of their product.
 */
const maxNameCharacters = 100;
const maxPointerCharacters = 400;

/** A name as a part of a pointer. `...` says that the rest of a long name is left out. */
export const nameInPointer = (member: PropertyKey): string => {
  const name = String(member);
  return name.length > maxNameCharacters ? `${name.slice(0, maxNameCharacters)}...` : name;
};

/**
 * The JSON Pointer (RFC 6901) to `member` of the value at the pointer `parent`. A name of more than 100 characters is cut,
 * and a member of a value whose pointer has more than 400 characters has the pointer of the value.
 */
export const memberPointer = (parent: string, member: PropertyKey): string => {
  if (parent.length > maxPointerCharacters) return parent;
  // A number has nothing to escape. A large list has thousands of these.
  if (typeof member === 'number') return `${parent}/${member}`;
  return `${parent}/${nameInPointer(member).replaceAll('~', '~0').replaceAll('/', '~1')}`;
};

/** The JSON Pointer (RFC 6901) to the value at `path`; the empty text for the whole document. */
export const jsonPointer = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((pointer, member) => memberPointer(pointer, member), '');
