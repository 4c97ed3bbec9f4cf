import { jsonPointer, nameInPointer } from '#src/kernel/json-pointer.ts';

export type Part = 'body' | 'query' | 'path' | 'header';

/** Where a value of a request is: a JSON Pointer into the body, or `query.NAME`, `path.NAME`, `header.NAME`. */
export const pointerInto = (part: Part, path: readonly PropertyKey[]): string =>
  part === 'body' ? jsonPointer(path) : `${part}.${path.map(nameInPointer).join('.')}`;
