import { createHmac } from 'node:crypto';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { policyLabels, type PolicyName } from './policies.ts';

export type LimitedSubject = {
  readonly rank: number;
  readonly policy: string;
  readonly subject_kind: string;
  /** The address or id. For an account: its hash, because the name is not stored. */
  readonly subject: string;
  readonly subject_hash: string;
  readonly limited: number;
  readonly last_limited_at: string;
};

export type TopLimited = {
  readonly record: (policy: PolicyName, subject: string) => void;
  readonly read: () => readonly LimitedSubject[];
};

type Entry = { readonly policy: PolicyName; readonly subject: string; count: number; lastAt: Date };

/** Counts contain the current and the previous generation, each this long. */
export const generationMs = 300_000;
const maxShown = 10;
const maxEntries = 1_000;

/** Removes the half with fewer refusals. The subjects with the most refusals stay. */
const removeLowerHalf = (entries: Map<string, Entry>): void => {
  const counts = [...entries.values()].map(({ count }) => count).toSorted((a, b) => a - b);
  const median = counts[Math.floor(counts.length / 2)] ?? 0;
  for (const [key, { count }] of entries) if (count <= median) entries.delete(key);
};

type TopLimitedDeps = { readonly clock: Clock; readonly hashKey: Uint8Array };

/** Finds the ten subjects with the most refusals in the last five to ten minutes. Its memory has a limit. */
export const createTopLimited = ({ clock, hashKey }: TopLimitedDeps): TopLimited => {
  let current = new Map<string, Entry>();
  let previous = new Map<string, Entry>();
  let generationStartedAt = clock.monotonic();

  const rotateGenerations = (): void => {
    const ageMs = clock.monotonic() - generationStartedAt;
    if (ageMs < generationMs) return;
    previous = ageMs < 2 * generationMs ? current : new Map();
    current = new Map();
    generationStartedAt = clock.monotonic();
  };

  return {
    record: (policy, subject) => {
      rotateGenerations();
      const key = `${policy} ${subject}`;
      const entry = current.get(key);
      if (entry) {
        entry.count += 1;
        entry.lastAt = clock.now();
        return;
      }
      if (current.size >= maxEntries) removeLowerHalf(current);
      current.set(key, { policy, subject, count: 1, lastAt: clock.now() });
    },
    read: () => {
      rotateGenerations();
      const merged = new Map(previous);
      for (const [key, entry] of current) {
        merged.set(key, { ...entry, count: entry.count + (previous.get(key)?.count ?? 0) });
      }
      return [...merged.values()]
        .toSorted((a, b) => b.count - a.count)
        .slice(0, maxShown)
        .map(({ policy, subject, count, lastAt }, index) => ({
          rank: index + 1,
          policy: policyLabels[policy].policy,
          subject_kind: policyLabels[policy].subject,
          subject,
          subject_hash: createHmac('sha256', hashKey).update(subject).digest('hex').slice(0, 16),
          limited: count,
          last_limited_at: lastAt.toISOString(),
        }));
    },
  };
};
