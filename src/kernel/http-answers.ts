/** Helpers for the answers of third parties over HTTP. */

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

/** Seconds of `Retry-After`. A date is relative to the time of the sender. Undefined without a valid header. */
export const retryAfterSeconds = (headers: Headers): number | undefined => {
  const value = String(headers['retry-after'] ?? '');
  if (/^\d{1,6}$/.test(value)) return Math.max(1, Number(value));
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(1, Math.ceil((at - senderTime(headers)) / 1_000));
};

/** Reads a body of at most `maxBytes` as text. @throws the error of `tooLarge`, and the error of the stream */
export const readLimitedText = async (
  body: AsyncIterable<Buffer>,
  maxBytes: number,
  tooLarge: () => Error,
): Promise<string> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
};
