/** Limits for the structure of a JSON text. An absent limit is not checked. */
export type JsonShapeLimits = {
  /** Max levels of nested arrays and objects. */
  readonly maxDepth: number;
  /** Max number of arrays, objects, strings, numbers and literals together; member names do not count. */
  readonly maxValues?: number;
  /** Max elements of one array. */
  readonly maxItems?: number;
  /** Max members of one object. */
  readonly maxMembers?: number;
};

export type JsonShapeFault = {
  readonly limit: 'depth' | 'values' | 'items' | 'members';
  readonly max: number;
  /** Number of arrays and objects around the position where the limit is exceeded. */
  readonly depth: number;
};

const quote = 0x22;
const comma = 0x2c;
const backslash = 0x5c;
const openArray = 0x5b;
const closeArray = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;
const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/**
 * Returns the first limit that a JSON text exceeds. It checks the bytes before they are parsed, because a parser needs
 * up to
 * 60 bytes of heap for two bytes of text, and an exhausted heap ends the process. One pass; the allocated memory does
 * not
 * depend on the text. For a text that is not JSON the result has no meaning; the parser refuses it.
 */
export const jsonShapeFault = (json: Uint8Array, limits: JsonShapeLimits): JsonShapeFault | undefined => {
  const { maxDepth, maxValues = Infinity, maxItems = Infinity, maxMembers = Infinity } = limits;
  /** Number of elements or members so far, for each open container. */
  const counts = new Float64Array(maxDepth + 1);
  const isArray = new Uint8Array(maxDepth + 1);
  let depth = 0;
  let values = 1;
  /** Whether the last byte that is not white space opened the innermost container. */
  let justOpened = false;

  for (let index = 0; index < json.length; index += 1) {
    const byte = json[index]!;
    if (isSpace(byte)) continue;
    const opensContainer = byte === openArray || byte === openObject;
    const closesContainer = byte === closeArray || byte === closeObject;
    // The first element has no comma before it.
    const isElement = (justOpened && !closesContainer) || byte === comma;
    justOpened = false;
    if (isElement && depth > 0) {
      const count = (counts[depth] = counts[depth]! + 1);
      values += 1;
      if (isArray[depth] === 1 ? count > maxItems : count > maxMembers) {
        return isArray[depth] === 1
          ? { limit: 'items', max: maxItems, depth }
          : { limit: 'members', max: maxMembers, depth };
      }
      if (values > maxValues) return { limit: 'values', max: maxValues, depth };
    }
    if (byte === quote) {
      index += 1;
      while (index < json.length && json[index] !== quote) index += json[index] === backslash ? 2 : 1;
    } else if (opensContainer) {
      depth += 1;
      if (depth > maxDepth) return { limit: 'depth', max: maxDepth, depth };
      counts[depth] = 0;
      isArray[depth] = byte === openArray ? 1 : 0;
      justOpened = true;
    } else if (closesContainer && depth > 0) {
      depth -= 1;
    }
  }
  return undefined;
};

const descriptions: Readonly<Record<JsonShapeFault['limit'], (max: number) => string>> = {
  depth: (max) => `The body may be nested at most ${max} levels deep`,
  values: (max) => `The body may have at most ${max} values`,
  items: (max) => `A list of the body may have at most ${max} elements`,
  members: (max) => `An object of the body may have at most ${max} members`,
};

/** One sentence for the caller. */
export const describeJsonShapeFault = ({ limit, max }: Pick<JsonShapeFault, 'limit' | 'max'>): string =>
  descriptions[limit](max);
