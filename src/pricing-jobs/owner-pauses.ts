import type { Clock } from '#src/kernel/ports/clock.ts';

export type OwnerPauses = {
  /** Seconds until chunks of the owner may be tried again; 0 if they may be tried now. */
  readonly left: (owner: string) => number;
  /** A chunk found no room. Each pause in a row is up to twice as long. @returns the seconds of this pause */
  readonly begin: (owner: string) => number;
  /** A chunk found room. */
  readonly end: (owner: string) => void;
};

const firstSeconds = 2;
const maxSeconds = 60;
/** More owners than wait at a time in practice. The pause that was begun first is forgotten, which costs a read of a chunk. */
const maxOwners = 10_000;

/**
 * Pauses of the owners whose chunks found no room in the pricing processes. While they last no chunk of the owner is read,
 * because an owner can have many chunks of megabytes, and each would be read in vain.
 */
export const createOwnerPauses = (clock: Pick<Clock, 'monotonic'>): OwnerPauses => {
  const pauses = new Map<string, { readonly seconds: number; readonly until: number }>();
  return {
    left: (owner) => Math.max(0, ((pauses.get(owner)?.until ?? 0) - clock.monotonic()) / 1_000),
    begin: (owner) => {
      const seconds = Math.min(maxSeconds, (pauses.get(owner)?.seconds ?? firstSeconds / 2) * 2);
      const pause = seconds * (0.5 + Math.random() / 2);
      pauses.delete(owner);
      pauses.set(owner, { seconds, until: clock.monotonic() + pause * 1_000 });
      if (pauses.size > maxOwners) pauses.delete(pauses.keys().next().value!);
      return pause;
    },
    end: (owner) => void pauses.delete(owner),
  };
};
