import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { countedAddress } from '#src/kernel/requests/counted-address.ts';

export type RefusalDelayOptions = {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** The delay of an answer. 0: no answer is delayed. */
  readonly delayMs: number;
  /** Refusals of one address in a minute without a delay. */
  readonly maxUndelayed: number;
};

export type RefusalDelay = {
  /** Counts a refusal of this address, and waits if there were many. Ends early when `signal` aborts. */
  readonly wait: (clientIp: string, signal: AbortSignal) => Promise<void>;
};

const windowMs = 60_000;
/** Bounds the memory of the counts. */
const maxAddresses = 10_000;
/** Bounds the memory of requests whose answer waits. Further answers are sent at once. */
const maxWaiting = 2_000;

type Entry = { refusals: number; readonly endsAt: number };

/**
 * Delays the answers to addresses that go on after many refusals. A client that waits for its answer sends fewer requests
 * then, so that the processor has time for others.
 */
export const createRefusalDelay = ({ clock, delayMs, maxUndelayed }: RefusalDelayOptions): RefusalDelay => {
  const entries = new Map<string, Entry>();
  let waiting = 0;

  const countOf = (address: string): number => {
    const now = clock.monotonic();
    let entry = entries.get(address);
    if (!entry || entry.endsAt <= now) {
      entries.delete(address);
      const [oldest] = entries.size >= maxAddresses ? entries.keys() : [];
      if (oldest !== undefined) entries.delete(oldest);
      entry = { refusals: 0, endsAt: now + windowMs };
      entries.set(address, entry);
    }
    entry.refusals += 1;
    return entry.refusals;
  };

  return {
    wait: async (clientIp, signal) => {
      if (delayMs === 0 || countOf(countedAddress(clientIp)) <= maxUndelayed || waiting >= maxWaiting) return;
      waiting += 1;
      try {
        await sleep(delayMs, undefined, { signal, ref: false });
      } catch {
        // The client is gone, or the deadline of the request has passed.
      } finally {
        waiting -= 1;
      }
    },
  };
};
