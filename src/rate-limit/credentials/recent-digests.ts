import type { Clock } from '#src/kernel/ports/clock.ts';

export type RecentDigests = {
  readonly add: (digest: string) => void;
  readonly has: (digest: string) => boolean;
  readonly delete: (digest: string) => void;
};

export type RecentDigestsOptions = { readonly maxEntries: number; readonly lifetimeMs: number };

/** A set of digests that forgets each of them after its lifetime, and the oldest one when it is full. */
export const createRecentDigests = (
  clock: Pick<Clock, 'monotonic'>,
  { maxEntries, lifetimeMs }: RecentDigestsOptions,
): RecentDigests => {
  const ends = new Map<string, number>();
  return {
    add: (digest) => {
      ends.delete(digest);
      const [oldest] = ends.size >= maxEntries ? ends.keys() : [];
      if (oldest !== undefined) ends.delete(oldest);
      ends.set(digest, clock.monotonic() + lifetimeMs);
    },
    has: (digest) => {
      const end = ends.get(digest);
      if (end === undefined) return false;
      if (end > clock.monotonic()) return true;
      ends.delete(digest);
      return false;
    },
    delete: (digest) => void ends.delete(digest),
  };
};
