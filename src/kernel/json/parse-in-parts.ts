import { randomUUID } from 'node:crypto';
import type { Steps } from '../streams/turns.ts';
import { longListsOf, type LongList } from './long-lists.ts';

/**
 * Decoded text is in memory beside its bytes and its values, and one character beyond Latin-1 makes all of it two bytes wide. A text of
 * this size is in the young generation also then, so it is free soon.
 */
const usualPartBytes = 49_152;

/** The text of the bytes `from` (included) to `to` (excluded). */
type TextOf = (from: number, to: number) => string;

const parse = (text: string): unknown => JSON.parse(text);
const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

const listSteps = function* ({ cuts, start, end }: LongList, textOf: TextOf): Steps<unknown[] | undefined> {
  const parts: unknown[][] = [];
  let from = start;
  for (const to of [...cuts, end]) {
    const part = parse(`[${textOf(from, to)}]`) as unknown[];
    // Nothing between two commas is no JSON.
    if (part.length === 0) return undefined;
    parts.push(part);
    from = to + 1;
    yield;
  }
  return ([] as unknown[]).concat(...parts);
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

/**
 * Parses JSON with long lists in steps of some milliseconds. The text is never in memory as a whole: the elements of long lists are
 * decoded and parsed in parts, and the rest with a mark in place of them.
 * @param textOf decodes valid UTF-8
 * @returns undefined if the text has no long list, or is not JSON. Only the parser of the whole text can tell its fault
 */
export const parseInParts = function* (
  json: Uint8Array,
  textOf: TextOf,
  partBytes = usualPartBytes,
): Steps<{ readonly value: unknown } | undefined> {
  const found = longListsOf(json, partBytes);
  if (found.length === 0) return undefined;
  yield;
  // A text of the body cannot be one of these marks.
  const mark = randomUUID();
  const lists = new Map<unknown, unknown[]>();
  let rest = '';
  let from = 0;
  try {
    for (const list of found) {
      const values = yield* listSteps(list, textOf);
      if (values === undefined) return undefined;
      const name = `${mark} ${lists.size}`;
      lists.set(name, values);
      rest += `${textOf(from, list.start)}"${name}"`;
      from = list.end;
    }
    const value = parse(rest + textOf(from, json.length));
    fill(value, lists);
    return { value };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
};
