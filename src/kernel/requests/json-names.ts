const quote = 0x22;
const backslash = 0x5c;
const slots = 64;
const levels = 64;
/** They belong to the newest counter. New arrays for each text would take longer than a small text. */
const lastStarts = new Int32Array(slots);
const lastHashes = new Int32Array(slots);
const shapesOfLevels = new Int32Array(levels);
const lastShapes = new Int32Array(levels * slots);

export type NameLimits = {
  /** Different names. */
  readonly maxNames: number;
  /**
   * Different beginnings of objects: a first name, a first and a second one, and so on. Objects with the same members in the same
   * order have as many as one object.
   */
  readonly maxShapes: number;
};

export type NameCounter = {
  /**
   * Counts the member name whose first byte is at `start`.
   * @param ordinal the position of the member in its object, from 1
   * @param depth the level of its object
   * @returns the index of the quote that ends the name
   */
  readonly read: (start: number, ordinal: number, depth: number) => number;
  /** The limit that is exceeded. */
  readonly exceeded: () => 'names' | 'shapes' | undefined;
};

/**
 * Counts the different member names of a JSON text, and the different beginnings of its objects, by their hashes. A text must
 * be read to its end before the next counter is created. A parser keeps each name and a description of each beginning: with
 * millions of names this takes about a minute and a gigabyte. The hash has a random key, so that a caller cannot choose names with equal hashes. Rows of a list
 * usually have the same members in the same order, so a name is first compared with the last one in its position, because
 * that is faster than a hash.
 */
export const createNameCounter = (json: Uint8Array, { maxNames, maxShapes }: NameLimits): NameCounter => {
  const { length } = json;
  const key = Math.floor(Math.random() * 2 ** 31) * 2 + 1;
  const hashes = new Set<number>();
  // The index at which the last name of each position begins; 0 if there is none. Names with escapes are not kept.
  lastStarts.fill(0);
  lastShapes.fill(0);
  const shapes = new Set<number>();
  const addShape = (nameHash: number, ordinal: number, depth: number): void => {
    const level = depth & (levels - 1);
    let shape = Math.imul((ordinal === 1 ? key : shapesOfLevels[level]!) ^ nameHash, key);
    shape ^= shape >>> 15;
    shapesOfLevels[level] = shape;
    const last = level * slots + (ordinal & (slots - 1));
    if (lastShapes[last] === shape) return;
    lastShapes[last] = shape;
    shapes.add(shape);
  };
  return {
    read: (start, ordinal, depth) => {
      const slot = ordinal & (slots - 1);
      const last = lastStarts[slot]!;
      let index = start;
      if (last > 0) {
        let other = last;
        while (index < length && json[index] === json[other] && json[index] !== quote) {
          index += 1;
          other += 1;
        }
        if (index < length && json[index] === quote && json[other] === quote) {
          addShape(lastHashes[slot]!, ordinal, depth);
          return index;
        }
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
      addShape(hash, ordinal, depth);
      if (!hasEscape) {
        lastStarts[slot] = start;
        lastHashes[slot] = hash;
      }
      return index;
    },
    exceeded: () => {
      if (hashes.size > maxNames) return 'names';
      return shapes.size > maxShapes ? 'shapes' : undefined;
    },
  };
};
