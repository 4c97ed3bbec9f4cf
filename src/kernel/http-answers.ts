/** Helpers for the answers of third parties over HTTP. They are not trusted. */

import type { z } from 'zod';
import { jsonShapeFault, type JsonShapeLimits } from './requests/json-shape.ts';
import { createTurns } from './streams/turns.ts';

type Headers = Readonly<Record<string, string | string[] | undefined>>;

const secondsToNext = (periodMs: number, now: number): number => Math.ceil((periodMs - (now % periodMs)) / 1_000);

/** Seconds until the next full minute after `now` (Unix milliseconds), because providers count their limits per minute. */
export const secondsToNextMinute = (now: number): number => secondsToNext(60_000, now);

/** Seconds until the next full hour after `now` (Unix milliseconds). */
export const secondsToNextHour = (now: number): number => secondsToNext(3_600_000, now);

/** The time of the sender of an answer in Unix milliseconds, because its clock can differ. Without a `Date` header: ours. */
export const senderTime = (headers: Headers): number => {
  const time = Date.parse(String(headers['date'] ?? ''));
  return Number.isNaN(time) ? Date.now() : time;
};

/** A longer wait is not believed. A timer cannot wait for longer than 24 days: it would end at once. */
const maxRetryAfterSeconds = 86_400;
const asWait = (seconds: number): number => Math.min(Math.max(1, seconds), maxRetryAfterSeconds);

/**
 * Seconds of `Retry-After`, one day at most. A date is relative to the time of the sender. Undefined without a valid
 * header.
 */
export const retryAfterSeconds = (headers: Headers): number | undefined => {
  const value = String(headers['retry-after'] ?? '');
  if (/^\d{1,6}$/.test(value)) return asWait(Number(value));
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : asWait(Math.ceil((at - senderTime(headers)) / 1_000));
};

/** More than any server needs: one 103 for a page, and a 100 for a body. */
const maxInterimAnswers = 10;

/**
 * `onInfo` of a request of undici. It ends a request whose server sends more interim answers (1xx) than that: they have no size
 * limit, and a stream of them takes all time of the event loop until the timeout.
 */
export const limitInterimAnswers = (): (() => void) => {
  let count = 0;
  return () => {
    count += 1;
    if (count > maxInterimAnswers) throw new Error('The server sends interim answers without end');
  };
};

/** Reads a body of at most `maxBytes`. @throws the error of `tooLarge`, and the error of the stream */
export const readLimitedBytes = async (
  body: AsyncIterable<Buffer>,
  maxBytes: number,
  tooLarge: () => Error,
): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
};

/**
 * Parses the JSON of an answer whose structure is within limits. A few megabytes of empty objects would exhaust the heap of
 * this process.
 * @throws the error of `tooComplex`, and a SyntaxError
 */
export const parseLimitedJson = (bytes: Uint8Array, limits: JsonShapeLimits, tooComplex: () => Error): unknown => {
  if (jsonShapeFault(bytes, limits)) throw tooComplex();
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()) as unknown;
  } catch {
    // The message of the parser repeats a part of the text, which can be a token, and errors are logged.
    throw new SyntaxError('The text is not valid JSON');
  }
};

/** `/values/3/close`: the place of the first fault below `before`. It has no values of the body, which may be personal. */
export const placeOfFault = (error: z.ZodError, before: readonly PropertyKey[] = []): string =>
  `/${[...before, ...(error.issues[0]?.path ?? [])].map(String).join('/')}`;

/**
 * Checks the items of an answer one after the other, with turns for the event loop. It ends at the first wrong one, because a
 * schema of the whole list would collect the faults of all items: 15 s for 256 KB of empty objects.
 * @throws the error of `wrong`, which gets the index of the item
 */
export const checkItems = async <Item>(
  items: readonly unknown[],
  schema: z.ZodType<Item>,
  wrong: (error: z.ZodError, index: number) => Error,
  signal?: AbortSignal,
): Promise<Item[]> => {
  const { give } = createTurns(signal ? { signal } : {});
  const checked: Item[] = [];
  for (const [index, item] of items.entries()) {
    const turn = give();
    if (turn) await turn;
    const parsed = schema.safeParse(item);
    if (!parsed.success) throw wrong(parsed.error, index);
    checked.push(parsed.data);
  }
  return checked;
};
