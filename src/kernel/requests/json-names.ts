const quote = 0x22;
const backslash = 0x5c;
const slots = 64;
/** It belongs to the newest counter. A new array for each text would take longer than a small text. */
const lastStarts = new Int32Array(slots);

export type NameCounter = {
  /**
   * Counts the member name whose first byte is at `start`.
   * @param ordinal the position of the member in its object
   * @returns the index of the quote that ends the name
   */
  readonly read: (start: number, ordinal: number) => number;
  readonly isExceeded: () => boolean;
};

/**
 * Counts the different member names of a JSON text by their hashes. A text must be read to its end before the next counter
 * is created. A parser keeps each name and a description of each set of names: with millions of names this takes about a
 * minute and a gigabyte. The hash has a random key, so that a caller cannot choose names with equal hashes. Rows of a list
 * usually have the same members in the same order, so a name is first compared with the last one in its position, because
 * that is faster than a hash.
 */
export const createNameCounter = (json: Uint8Array, max: number): NameCounter => {
  const { length } = json;
  const key = Math.floor(Math.random() * 2 ** 31) * 2 + 1;
  const hashes = new Set<number>();
  // The index at which the last name of each position begins; 0 if there is none. Names with escapes are not kept.
  lastStarts.fill(0);
  return {
    read: (start, ordinal) => {
      const slot = ordinal & (slots - 1);
      const last = lastStarts[slot]!;
      let index = start;
      if (last > 0) {
        let other = last;
        while (index < length && json[index] === json[other] && json[index] !== quote) {
          index += 1;
          other += 1;
        }
        if (index < length && json[index] === quote && json[other] === quote) return index;
      }
      let hash = key;
      let hasEscape = false;
      for (index = start; index < length && json[index] !== quote; index += 1) {
        if (json[index] === backslash) {
          hasEscape = true;
          // Names that differ by an escape only are different names. Two spellings of one name count twice, which does no harm.
          hash = Math.imul(hash ^ backslash, key);
          hash ^= hash >>> 15;
          index += 1;
          if (index >= length) break;
        }
        hash = Math.imul(hash ^ json[index]!, key);
        hash ^= hash >>> 15;
      }
      hashes.add(hash);
      if (!hasEscape) lastStarts[slot] = start;
      return index;
    },
    isExceeded: () => hashes.size > max,
  };
};
