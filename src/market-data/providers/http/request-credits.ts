import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { throttled } from './provider-requests.ts';

/** Request credits of the account at a provider. All processes share them. */
export type RequestCredits = {
  /** Credits of each period. */
  readonly max: number;
  /** Takes `count` credits or none. @returns 0 if they were taken, else the milliseconds until the next attempt */
  readonly take: (count: number) => Promise<number>;
};

export type CreditWait = {
  readonly credits: RequestCredits;
  readonly clock: Clock;
  /** Value of the monotonic clock. The wait ends before it. */
  readonly waitUntil: number;
  readonly signal: AbortSignal;
};

/**
 * Takes `count` credits, and waits for them if there are too few.
 * @throws AppError `external_api_unavailable` with `retryAfter` if the wait would be too long, or the reason of `signal`
 */
export const waitForCredits = async (
  count: number,
  { credits, clock, waitUntil, signal }: CreditWait,
): Promise<void> => {
  for (let wait = await credits.take(count); wait > 0; wait = await credits.take(count)) {
    if (clock.monotonic() + wait >= waitUntil) throw throttled(Math.ceil(wait / 1_000));
    await sleep(wait, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
};
