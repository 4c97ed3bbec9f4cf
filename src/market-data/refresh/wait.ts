import { orAbort } from '#src/kernel/abort.ts';
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
