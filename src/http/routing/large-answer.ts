import { z } from 'zod';
import { nonFiniteIn } from '#src/kernel/finite.ts';
import { memberPointer } from '#src/kernel/json-pointer.ts';
import { createTurns, nextTurnOfLoop, runInTurns, type TurnsOptions, type Steps } from '#src/kernel/streams/turns.ts';

/**
 * A list of more items is checked and written in steps of so many items, and other requests get their turn between two
 * steps. The number is small, because the largest item, a refresh, has about 70 entries in lists.
 */
const itemsOfStep = 25;

type Container = Readonly<Record<string, unknown>> | readonly unknown[];
const isContainer = (value: unknown): value is Container =>
  typeof value === 'object' && value !== null && typeof (value as { toJSON?: unknown }).toJSON !== 'function';

/** Whether a value has a long list: itself, a member, or a member of an item. */
const isLong = (value: unknown): value is Container => {
  if (!isContainer(value)) return false;
  if (Array.isArray(value)) return value.length > itemsOfStep || value.some(isLong);
  const members = value as Readonly<Record<string, unknown>>;
  // `for in` makes no list of names: it runs for each answer.
  for (const name in members) {
    const member = members[name];
    if (typeof member === 'object' && member !== null && isLong(member)) return true;
  }
  return false;
};

/** Whether an answer is large, so that it must be checked and written in steps. Bytes and streams are not. */
export const isLargeAnswer = (body: unknown): body is Readonly<Record<string, unknown>> => {
  if (!isContainer(body)) return false;
  const prototype: unknown = Object.getPrototypeOf(body);
  return (prototype === Object.prototype || prototype === null) && isLong(body);
};

/** A step of the writer. @throws whatever `refuse` throws, for a number that is not finite */
const textOf = (value: unknown, pointer: string, refuse: (pointer: string) => never): string => {
  const found = nonFiniteIn(value);
  if (found !== undefined) refuse(pointer + found);
  return JSON.stringify(value) ?? 'null';
};

/** Writes the text of a value to the end of `parts`. Joined, the parts are the text. */
const textSteps = function* (
  value: Container,
  pointer: string,
  refuse: (pointer: string) => never,
  parts: string[],
): Steps {
  let separator = '';
  const write = function* (before: string, member: unknown, where: string): Steps {
    if (isLong(member)) {
      parts.push(separator + before);
      yield* textSteps(member, where, refuse, parts);
    } else parts.push(separator + before + textOf(member, where, refuse));
    separator = ',';
  };
  if (Array.isArray(value)) {
    parts.push('[');
    for (const [index, item] of value.entries()) {
      if (index % itemsOfStep === 0) yield;
      yield* write('', item, memberPointer(pointer, index));
    }
    parts.push(']');
    return;
  }
  parts.push('{');
  for (const [name, member] of Object.entries(value)) {
    if (member !== undefined) yield* write(`${JSON.stringify(name)}:`, member, memberPointer(pointer, name));
  }
  parts.push('}');
};

/** Characters between two steps of the encoding, about 0.1 ms. */
const charactersOfStep = 65_536;

/** The text is not joined before it is encoded, because that is one step of 4 ms for 2 MB. */
const bytesSteps = function* (value: Container, refuse: (pointer: string) => never): Steps<Buffer> {
  const parts: string[] = [];
  yield* textSteps(value, '', refuse, parts);
  const eachPart = function* (use: (part: string) => void): Steps {
    let characters = 0;
    for (const part of parts) {
      use(part);
      characters += part.length;
      if (characters < charactersOfStep) continue;
      characters = 0;
      yield;
    }
  };
  let length = 0;
  yield* eachPart((part) => void (length += Buffer.byteLength(part)));
  const bytes = Buffer.allocUnsafeSlow(length);
  let at = 0;
  yield* eachPart((part) => void (at += bytes.write(part, at)));
  return bytes;
};

/** Runs steps until `signal` of the options aborts. The first one waits for a turn, because the rows of a large answer were parsed in the present one. */
const runSteps = async <Result>(steps: Steps<Result>, options: TurnsOptions): Promise<Result> => {
  await (options.nextTurn ?? nextTurnOfLoop)();
  options.signal?.throwIfAborted();
  return runInTurns(steps, createTurns(options));
};

/**
 * The text of `JSON.stringify` as UTF-8, made in steps with turns of the event loop between them.
 * @param refuse is called with the JSON Pointer to a number that is not finite
 */
export const largeJson = (
  body: Container,
  refuse: (pointer: string) => never,
  options: TurnsOptions = {},
): Promise<Buffer> => runSteps(bytesSteps(body, refuse), options);

/** A list of the answer in slices. The schema of a list has no bound of its length that a slice would break. */
const memberSteps = function* (
  schema: z.ZodType,
  name: string,
  items: readonly unknown[],
): Steps<z.ZodError | undefined> {
  for (let start = 0; start < items.length; start += itemsOfStep) {
    const { error } = schema.safeParse(items.slice(start, start + itemsOfStep));
    if (error) {
      const issues = error.issues.map(({ path: [at, ...rest], ...issue }) => ({
        ...issue,
        path: [name, typeof at === 'number' ? at + start : (at ?? ''), ...rest],
      }));
      return new z.ZodError(issues);
    }
    yield;
  }
  return undefined;
};

const errorSteps = function* (
  schema: z.ZodType,
  body: Readonly<Record<string, unknown>>,
): Steps<z.ZodError | undefined> {
  if (!(schema instanceof z.ZodObject)) return schema.safeParse(body).error;
  const rest: Record<string, unknown> = { ...body };
  for (const [name, member] of Object.entries(body)) {
    const declared = (schema.shape as Readonly<Record<string, z.ZodType>>)[name];
    if (declared === undefined || !Array.isArray(member)) continue;
    const error = yield* memberSteps(declared, name, member);
    if (error) return error;
    rest[name] = member.slice(0, 1);
  }
  return schema.safeParse(rest).error;
};

/** What a large answer has that its schema does not allow. It is checked in steps, as `largeJson` writes it. */
export const largeError = (
  schema: z.ZodType,
  body: Readonly<Record<string, unknown>>,
  options: TurnsOptions = {},
): Promise<z.ZodError | undefined> => runSteps(errorSteps(schema, body), options);
