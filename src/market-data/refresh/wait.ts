import { setTimeout as sleep } from 'node:timers/promises';
import { orAbort } from '#src/kernel/abort.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { RefreshRecord } from './refresh-records.ts';

/** Max wait of a caller. A longer wait in `Prefer` is reduced to it. */
const maxWaitSeconds = 30;

/** Seconds of `Prefer: wait=SECONDS` (RFC 7240), 0 without it. */
export const waitSecondsOf = (prefer: string | undefined): number => {
  const [, seconds] = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})"?\s*(?:$|[,;])/i.exec(prefer ?? '') ?? [];
  return Math.min(Number(seconds ?? 0), maxWaitSeconds);
};

/** The ended record, or undefined after `seconds` or if `signal` aborts because the client has disconnected. */
export const endedWithin = async (
  ended: Promise<RefreshRecord>,
  seconds: number,
  signal: AbortSignal,
): Promise<RefreshRecord | undefined> => {
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), seconds * 1000);
  const waitOver = AbortSignal.any([signal, timeout.signal]);
  try {
    return await orAbort(ended, waitOver);
  } catch (error) {
    if (waitOver.aborted) return undefined;
    throw error;
  } finally {
    clearTimeout(timer);
  }
};

const maxAttempts = 10;
const attemptMs = 200;

/**
 * Repeats `start` for up to two seconds while another refresh of the universe is the reason that it fails.
 * @param isWorthIt says after each failure if the other refresh is expected to end soon
 * @throws the last error of `start`
 */
export const whenFree = async <T>(
  start: () => Promise<T>,
  isWorthIt: () => Promise<boolean> = async () => true,
): Promise<T> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start();
    } catch (error) {
      if (codeOf(error) !== 'refresh_in_progress' || attempt === maxAttempts || !(await isWorthIt())) throw error;
      await sleep(attemptMs);
    }
  }
};
