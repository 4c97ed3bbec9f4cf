import { randomUUID } from 'node:crypto';
import type { Steps } from '../streams/turns.ts';
import { longListsOf, type LongList } from './long-lists.ts';
import { createShortenedJson, type BrokenJson } from './shortened-json.ts';

/**
 * Decoded text is in memory beside its bytes and its values, and one character beyond Latin-1 makes all of it two bytes wide. A text of
 * this size is in the young generation also then, so it is free soon.
 */
const usualPartBytes = 49_152;

/** The text of the bytes `from` (included) to `to` (excluded). */
type TextOf = (from: number, to: number) => string;

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** @returns undefined if the text is no list of at least one value: nothing between two commas is no JSON */
const parseElements = (text: string): unknown[] | undefined => {
  try {
    const part = JSON.parse(`[${text}]`) as unknown[];
    return part.length === 0 ? undefined : part;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
};

/** The values of a list, or the index of the first part that is not JSON. */
const listSteps = function* (
  { cuts, start, end }: LongList,
  textOf: TextOf,
): Steps<{ readonly values: unknown[] } | { readonly brokenFrom: number }> {
  const parts: unknown[][] = [];
  let from = start;
  for (const to of [...cuts, end]) {
    const part = parseElements(textOf(from, to));
    if (part === undefined) return { brokenFrom: from };
    parts.push(part);
    from = to + 1;
    yield;
  }
  return { values: ([] as unknown[]).concat(...parts) };
};

/** Puts the lists where a list with only their mark is: in the body, and in the objects in it. */
const fill = (body: unknown, lists: ReadonlyMap<unknown, unknown[]>): void => {
  const fillObject = (object: object, isBody: boolean): void => {
    for (const [name, value] of Object.entries(object) as [string, unknown][]) {
      if (!isObject(value)) continue;
      const list = Array.isArray(value) ? lists.get(value[0]) : undefined;
      // An assignment to `__proto__` would add no member.
      if (list !== undefined) Object.defineProperty(object, name, { value: list });
      else if (isBody) fillObject(value, false);
    }
  };
  if (isObject(body)) fillObject(body, true);
};

type InPartsOptions = {
  /** Called when values are garbage, and the rest of the text is decoded to find its fault. */
  readonly collect?: () => void;
  readonly partBytes?: number;
};

/**
 * Parses JSON with long lists in steps of some milliseconds. The text is never in memory as a whole: the elements of long lists are
 * decoded and parsed in parts, and the rest with a mark in place of them. Of a text that is not JSON, only what follows the parts before its
 * fault is parsed again.
 * @param textOf decodes valid UTF-8
 * @returns undefined if the text must be parsed as a whole, because it has no long list
 */
export const parseInParts = function* (
  json: Uint8Array,
  textOf: TextOf,
  { collect = () => {}, partBytes = usualPartBytes }: InPartsOptions = {},
): Steps<{ readonly value: unknown } | BrokenJson | undefined> {
  const found = longListsOf(json, partBytes);
  if (found.length === 0) return undefined;
  yield;
  // A text of the body cannot be one of these marks.
  const mark = randomUUID();
  const lists = new Map<unknown, unknown[]>();
  const rest = createShortenedJson(json, textOf);
  let from = 0;
  for (const list of found) {
    const read = yield* listSteps(list, textOf);
    rest.keep(from, list.start);
    if ('brokenFrom' in read) {
      lists.clear();
      collect();
      yield;
      if (read.brokenFrom > list.start) rest.replace('0,');
      rest.keep(read.brokenFrom, json.length);
      const parsed = rest.parse();
      return 'value' in parsed ? undefined : parsed;
    }
    const name = `${mark} ${lists.size}`;
    lists.set(name, read.values);
    rest.replace(JSON.stringify(name));
    from = list.end;
  }
  rest.keep(from, json.length);
  const parsed = rest.parse();
  if ('value' in parsed) fill(parsed.value, lists);
  return parsed;
};
