/** A list of a JSON text whose elements can be parsed in parts. */
export type LongList = {
  /** The commas between two parts. */
  readonly cuts: readonly number[];
  /** The index behind the opening bracket, and that of the closing one. */
  readonly start: number;
  readonly end: number;
};

const [quote, backslash, comma] = [0x22, 0x5c, 0x2c];
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];

/** The index of the quote that ends the text whose content begins at `start`. */
const endOfText = (json: Uint8Array, start: number): number => {
  let index = start;
  while (index < json.length && json[index] !== quote) index += json[index] === backslash ? 2 : 1;
  return index;
};

/** Levels of a member of the body, and of a member of such a member. */
const [minLevel, maxLevel] = [2, 3];

/**
 * Finds the lists of more than `partBytes` that are members of the body, or of an object in it, such as rows and columns. For a text that
 * is not JSON the result has no meaning.
 */
export const longListsOf = (json: Uint8Array, partBytes: number): LongList[] => {
  const found: LongList[] = [];
  let level = 0;
  /** The level of the list that is read now; 0 if there is none. */
  let listLevel = 0;
  let start = 0;
  let partStart = 0;
  let cuts: number[] = [];

  const cut = (index: number): void => {
    if (level !== listLevel || index - partStart < partBytes) return;
    cuts.push(index);
    partStart = index + 1;
  };
  const open = (index: number, isList: boolean): void => {
    level += 1;
    if (!isList || listLevel > 0 || level < minLevel || level > maxLevel) return;
    listLevel = level;
    start = index + 1;
    partStart = start;
    cuts = [];
  };
  const close = (index: number): void => {
    if (level === listLevel && listLevel > 0) {
      if (cuts.length > 0) found.push({ cuts, start, end: index });
      listLevel = 0;
    }
    level -= 1;
  };

  for (let index = 0; index < json.length; index += 1) {
    const byte = json[index]!;
    if (byte === comma) cut(index);
    else if (byte === quote) index = endOfText(json, index + 1);
    else if (byte === openList || byte === openObject) open(index, byte === openList);
    else if (byte === closeList || byte === closeObject) close(index);
  }
  // A list that the text ends in.
  if (listLevel > 0 && cuts.length > 0) found.push({ cuts, start, end: json.length });
  return found;
};
