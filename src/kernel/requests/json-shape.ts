import { createNameCounter, type NameLimits } from './json-names.ts';

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
  /** Max bytes of memory for the structure of the parsed text: see `structure` in `jsonShapeFault`. */
  readonly maxStructureBytes?: number;
  /** Different names and shapes of objects in the whole text. */
  readonly names?: NameLimits;
};

export type JsonShapeFault = {
  readonly limit: 'depth' | 'values' | 'items' | 'members' | 'structure' | 'name' | 'names' | 'shapes';
  readonly max: number;
  /** Number of arrays and objects around the position where the limit is exceeded. */
  readonly depth: number;
};

/**
 * Max bytes of one member name, with its escapes. Errors, messages and logs name members, so a longer name would come back in many
 * places. No name that the service or a third party knows has 100 bytes.
 */
const maxNameBytes = 1_024;

const quoteByte = 0x22;
const backslashByte = 0x5c;
const commaByte = 0x2c;
const openArrayByte = 0x5b;

/**
 * Memory of parsed values, measured with Node 24: an empty object, an empty array, and the place of an element or member. An object with
 * members whose names are whole numbers keeps these in a list of its own, which has room for up to 32 names that are left out.
 */
const objectBytes = 56;
const arrayBytes = 32;
const placeBytes = 8;
const firstNumberedBytes = 288;
const numberedBytes = 72;
/** Members of an object that may be the first numbered one. A later one only makes its list longer. */
const firstMembers = 4;

/** What a byte outside strings means; `skipped` is a part of a number or literal, a colon, or white space. */
const skipped = 0;
const quote = 1;
const comma = 2;
const closeContainer = 3;
const openArray = 4;
const openObject = 5;
const kinds = new Uint8Array(256);
for (const [text, kind] of [
  ['"', quote],
  [',', comma],
  [']', closeContainer],
  ['}', closeContainer],
  ['[', openArray],
  ['{', openObject],
] as const) {
  kinds[text.charCodeAt(0)] = kind;
}
/** An escape can stand for a digit. */
const mayBeNumbered = (byte: number | undefined): boolean =>
  byte !== undefined && ((byte >= 0x30 && byte <= 0x39) || byte === backslashByte);
const isSpace = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
const asInt32 = (limit: number): number => Math.min(limit, 2 ** 31 - 1);

const noWords = new Int32Array(0);
/** A shorter text is read byte by byte, because a view of its words would take longer. */
const minWordBytes = 1_024;
/** For each open container of the text that is checked now. New arrays for each body would take longer than a small body. */
let countsOfLevels = new Int32Array(0);
let arrayLevels = new Uint8Array(0);
const lowBits = 0x7f7f7f7f;
const highBits = 0x80808080 | 0;
/** Whether each of the four bytes is a comma, a digit, a sign or another character from `,` to `Z`. */
const isNumbers = (word: number): boolean => {
  const low = word & lowBits;
  const fromComma = low + 0x54545454;
  const aboveZ = (low + 0x25252525) | word;
  return (fromComma & highBits) === highBits && (aboveZ & highBits) === 0;
};
/** How many of the four bytes are commas. */
const countCommas = (word: number): number => {
  const difference = word ^ 0x2c2c2c2c;
  const commas = ~(((difference & lowBits) + lowBits) | difference | lowBits);
  return Math.imul(commas >>> 7, 0x01010101) >>> 24;
};

/** The index of the quote that ends the string whose content begins at `start`. */
const endOfString = (json: Uint8Array, start: number): number => {
  let index = start;
  while (index < json.length && json[index] !== quoteByte) index += json[index] === backslashByte ? 2 : 1;
  return index;
};

/**
 * Returns the first limit that a JSON text exceeds. It checks the bytes before they are parsed, because a parser needs
 * up to 60 bytes of heap for two bytes of text, and an exhausted heap ends the process. One pass; the allocated memory
 * does not depend on the text. For a text that is not JSON the result has no meaning; the parser refuses it.
 */
// oxlint-disable-next-line complexity -- it runs for each byte of a body, and a call for each would cost too much
export const jsonShapeFault = (json: Uint8Array, limits: JsonShapeLimits): JsonShapeFault | undefined => {
  const { maxDepth, maxValues = Infinity, maxItems = Infinity, maxMembers = Infinity } = limits;
  const { maxStructureBytes = Infinity } = limits;
  const [valueLimit, itemLimit, memberLimit] = [asInt32(maxValues), asInt32(maxItems), asInt32(maxMembers)];
  const names = limits.names && createNameCounter(json, limits.names);
  const { length } = json;
  // The aligned words of the text; `offset` is the index of the first.
  const offset = -json.byteOffset & 3;
  const wordCount = length < minWordBytes ? 0 : (length - offset) >> 2;
  const words = wordCount === 0 ? noWords : new Int32Array(json.buffer, json.byteOffset + offset, wordCount);
  const lastWord = offset + 4 * wordCount;
  if (countsOfLevels.length <= maxDepth) {
    countsOfLevels = new Int32Array(maxDepth + 1);
    arrayLevels = new Uint8Array(maxDepth + 1);
  }
  // A level is written before it is read, and level 0 is never an array, so old values do no harm.
  const counts = countsOfLevels;
  const isArray = arrayLevels;
  let depth = 0;
  let values = 1;
  /** Memory of objects and arrays without their places. */
  let structure = 0;
  /** Of the innermost container. */
  let count = 0;
  let inArray = false;
  /** Whether the next string is the name of a member. */
  let isNameNext = false;

  for (let index = 0; index < length; index += 1) {
    if (inArray && (index & 3) === offset && index < lastWord) {
      // Lists of numbers are the bulk of columns: four bytes at a time, without a branch for each of them.
      let word = words[(index - offset) >> 2]!;
      let commas = 0;
      while (isNumbers(word)) {
        commas += countCommas(word);
        index += 4;
        if (index >= lastWord) break;
        word = words[(index - offset) >> 2]!;
      }
      count += commas;
      values += commas;
      if (count > itemLimit) return { limit: 'items', max: maxItems, depth };
      if (values > valueLimit) return { limit: 'values', max: maxValues, depth };
      if (index >= length) break;
    }
    const byte = json[index]!;
    // Digits, points, signs and colons are the most frequent; no table is faster.
    if (byte > commaByte && byte < openArrayByte) continue;
    const kind = kinds[byte]!;
    if (kind === skipped) continue;
    if (kind === quote) {
      if (isNameNext && mayBeNumbered(json[index + 1])) {
        structure += count <= firstMembers ? firstNumberedBytes : numberedBytes;
      }
      const start = index + 1;
      if (isNameNext && names !== undefined) {
        index = names.read(start, count, depth);
        const exceeded = names.exceeded();
        if (exceeded)
          return { limit: exceeded, max: limits.names![`max${exceeded === 'names' ? 'Names' : 'Shapes'}`], depth };
      } else {
        index = endOfString(json, start);
      }
      if (isNameNext && index - start > maxNameBytes) return { limit: 'name', max: maxNameBytes, depth };
      isNameNext = false;
      continue;
    }
    if (kind === closeContainer) {
      if (depth === 0) continue;
      depth -= 1;
      count = counts[depth]!;
      inArray = isArray[depth] === 1;
      continue;
    }
    if (kind !== comma) {
      counts[depth] = count;
      depth += 1;
      if (depth > maxDepth) return { limit: 'depth', max: maxDepth, depth };
      count = 0;
      inArray = kind === openArray;
      isArray[depth] = inArray ? 1 : 0;
      structure += inArray ? arrayBytes : objectBytes;
      if (structure + placeBytes * values > maxStructureBytes) {
        return { limit: 'structure', max: maxStructureBytes, depth };
      }
      while (index + 1 < length && isSpace(json[index + 1])) index += 1;
      if (index + 1 < length && kinds[json[index + 1]!] === closeContainer) continue;
    }
    if (depth === 0) continue;
    // A comma, or the start of a container that is not empty: an element follows.
    count += 1;
    values += 1;
    isNameNext = !inArray;
    if (inArray ? count > itemLimit : count > memberLimit) {
      return inArray ? { limit: 'items', max: maxItems, depth } : { limit: 'members', max: maxMembers, depth };
    }
    if (values > valueLimit) return { limit: 'values', max: maxValues, depth };
  }
  return undefined;
};

const descriptions: Readonly<Record<JsonShapeFault['limit'], (max: number) => string>> = {
  depth: (max) => `The body may be nested at most ${max} levels deep`,
  values: (max) => `The body may have at most ${max} values`,
  items: (max) => `A list of the body may have at most ${max} elements`,
  members: (max) => `An object of the body may have at most ${max} members`,
  structure: () =>
    'The body has too many objects and lists for its size, or members with numbers as names: leave out members that the route does not know',
  name: (max) => `A member name of the body may have at most ${max} bytes`,
  names: (max) => `The body may have at most ${max} different member names`,
  shapes: (max) =>
    `The members of the objects come in too many different orders (more than ${max}): give all objects of a list their members in the same order`,
};

/** One sentence for the caller. */
export const describeJsonShapeFault = ({ limit, max }: Pick<JsonShapeFault, 'limit' | 'max'>): string =>
  descriptions[limit](max);
