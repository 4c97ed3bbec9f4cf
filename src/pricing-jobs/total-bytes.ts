import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';

export type TotalBytesDeps = {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Reads the exact total. */
  readonly read: (query: Query) => Promise<number>;
};

export type TotalBytes = {
  /** The last total that was read, with what this process has added since. It is read again when it is 10 s old. */
  readonly current: (query: Query) => Promise<number>;
  readonly add: (bytes: number) => void;
};

const maxAgeMs = 10_000;

/**
 * The bytes of all owners. The sum reads each chunk of each owner, which takes 0.1 s and more for some 100,000 chunks, so it
 * must not be a part of each request. What other processes add is missing for up to 10 s.
 */
export const createTotalBytes = ({ clock, read }: TotalBytesDeps): TotalBytes => {
  let known: { bytes: number; readonly at: number } | undefined;
  return {
    current: async (query) => {
      const at = clock.monotonic();
      if (!known || at - known.at >= maxAgeMs) {
        // Other requests use the old total meanwhile, so that one request at a time reads.
        if (known) known = { bytes: known.bytes, at };
        known = { bytes: await read(query), at };
      }
      return known.bytes;
    },
    add: (bytes) => {
      if (known) known.bytes += bytes;
    },
  };
};
