import { setTimeout as sleep } from 'node:timers/promises';

export type Condition = () => boolean | Promise<boolean>;

const defaultTimeoutMs = 15_000;
const defaultPollMs = 20;
/** The time that the last check may take past the deadline: a busy machine can delay a check by that much. */
const minCheckMs = 1_000;

/** @returns false if the condition is false, or does not settle within `timeoutMs` */
const check = async (condition: Condition, timeoutMs: number): Promise<boolean> => {
  const timer = new AbortController();
  const timeout = sleep(timeoutMs, false, { signal: timer.signal });
  timeout.catch(() => {});
  try {
    return await Promise.race([condition(), timeout]);
  } finally {
    timer.abort();
  }
};

/**
 * Polls `condition` until it is true. Only for measurements, where a missed deadline is a result; everything else uses
 * `eventually`.
 * @returns whether the condition was true within `timeoutMs`
 */
export const isTrueWithin = async (
  condition: Condition,
  timeoutMs: number,
  pollMs = defaultPollMs,
): Promise<boolean> => {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    if (await check(condition, Math.max(deadline - performance.now(), minCheckMs))) return true;
    if (performance.now() >= deadline) return false;
    await sleep(pollMs);
  }
};

/**
 * Waits until `condition` is true. This is the only way to wait in tests, loads, benches and verifications.
 * @param awaited what the caller waits for; part of the error message. A function is called after the deadline, because
 *   it may report the last state.
 * @throws Error if the condition is not true within `timeoutMs`; the error of a condition that throws
 */
export const eventually = async (
  condition: Condition,
  awaited: string | (() => string),
  timeoutMs = defaultTimeoutMs,
  pollMs = defaultPollMs,
): Promise<void> => {
  if (await isTrueWithin(condition, timeoutMs, pollMs)) return;
  throw new Error(`Not within ${timeoutMs} ms: ${typeof awaited === 'string' ? awaited : awaited()}`);
};

const second = (): number => Math.floor(Date.now() / 1_000);

/**
 * Waits for the next second of the clock. Times of issue have whole seconds, so a token from the same second as the end of
 * the others is refused too.
 */
export const laterSecond = (): Promise<void> => {
  const now = second();
  return eventually(() => second() > now, 'the clock shows a later second');
};
