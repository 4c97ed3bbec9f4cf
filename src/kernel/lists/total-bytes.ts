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
 * The bytes of all owners. The sum reads a row of each owner or of each object, which takes 0.1 s and more for some 100,000 rows, so it
 * must not be a part of each request. What other processes add is missing for up to 10 s.
 */
export const createTotalBytes = ({ clock, read }: TotalBytesDeps): TotalBytes => {
  let known: { bytes: number; readonly at: number } | undefined;
  /** Bytes that were added while the sum was read. Their rows may not be committed, so the sum may not have them. */
  let addedMeanwhile = 0;
  let reading: Promise<void> | undefined;

  const readAgain = async (query: Query): Promise<void> => {
    addedMeanwhile = 0;
    const at = clock.monotonic();
    const bytes = await read(query);
    known = { bytes: bytes + addedMeanwhile, at };
  };

  return {
    current: async (query) => {
      if (!known || clock.monotonic() - known.at >= maxAgeMs) {
        reading ??= readAgain(query).finally(() => (reading = undefined));
        await reading;
      }
      return known!.bytes;
    },
    add: (bytes) => {
      if (known) known.bytes += bytes;
      addedMeanwhile += bytes;
    },
  };
};
