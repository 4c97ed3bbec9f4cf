const quote = 0x22;
const backslash = 0x5c;
/** `[` and `{`, `]` and `}` differ in this bit alone. */
const pairBit = 0x20;
const opening = 0x5b;
const closing = 0x5d;

/**
 * Whether JSON text is nested deeper than `limit`, seen before anything is made of it: a parser builds millions of
 * arrays from as many brackets, and whoever writes such a value back overflows the stack.
 */
export const isNestedDeeper = (json: Uint8Array, limit: number): boolean => {
  let depth = 0;
  for (let index = 0; index < json.length; index += 1) {
    const byte = json[index]!;
    if (byte === quote) {
      index += 1;
      while (index < json.length && json[index] !== quote) index += json[index] === backslash ? 2 : 1;
    } else if (byte >= opening) {
      const bracket = byte & ~pairBit;
      if (bracket === opening) {
        depth += 1;
        if (depth > limit) return true;
      } else if (bracket === closing) depth -= 1;
    }
  }
  return false;
};
