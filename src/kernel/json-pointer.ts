/** The JSON Pointer (RFC 6901) to `member` of the value at the pointer `parent`. */
export const memberPointer = (parent: string, member: PropertyKey): string =>
  // A number has nothing to escape. A large list has thousands of these.
  typeof member === 'number'
    ? `${parent}/${member}`
    : `${parent}/${String(member).replaceAll('~', '~0').replaceAll('/', '~1')}`;

/** The JSON Pointer (RFC 6901) to the value at `path`; the empty text for the whole document. */
export const jsonPointer = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((pointer, member) => memberPointer(pointer, member), '');
