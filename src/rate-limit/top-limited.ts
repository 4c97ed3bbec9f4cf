import { createHmac } from 'node:crypto';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { policyLabels, type PolicyName } from './policies.ts';

export type LimitedSubject = {
  readonly rank: number;
  readonly policy: string;
  readonly subject_kind: string;
  /** The address or id itself; of an account only its hash is known. */
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

/** Counts reach back over this and the generation before. */
export const generationMs = 300_000;
const shown = 10;
const mostEntries = 1_000;

/** Forgets the less refused half. Whoever matters is refused more often than the noise that fills the table. */
const makeRoom = (entries: Map<string, Entry>): void => {
  const counts = [...entries.values()].map(({ count }) => count).toSorted((a, b) => a - b);
  const median = counts[Math.floor(counts.length / 2)] ?? 0;
  for (const [key, { count }] of entries) if (count <= median) entries.delete(key);
};

type Deps = { readonly clock: Clock; readonly hashKey: Uint8Array };

/** The ten subjects that were refused most often within the last five to ten minutes, in bounded memory. */
export const createTopLimited = ({ clock, hashKey }: Deps): TopLimited => {
  let current = new Map<string, Entry>();
  let previous = new Map<string, Entry>();
  let turnedAt = clock.monotonic();

  const turn = (): void => {
    const age = clock.monotonic() - turnedAt;
    if (age < generationMs) return;
    previous = age < 2 * generationMs ? current : new Map();
    current = new Map();
    turnedAt = clock.monotonic();
  };

  return {
    record: (policy, subject) => {
      turn();
      const key = `${policy} ${subject}`;
      const entry = current.get(key);
      if (entry) {
        entry.count += 1;
        entry.lastAt = clock.now();
        return;
      }
      if (current.size >= mostEntries) makeRoom(current);
      current.set(key, { policy, subject, count: 1, lastAt: clock.now() });
    },
    read: () => {
      turn();
      const merged = new Map(previous);
      for (const [key, entry] of current) {
        merged.set(key, { ...entry, count: entry.count + (previous.get(key)?.count ?? 0) });
      }
      return [...merged.values()]
        .toSorted((a, b) => b.count - a.count)
        .slice(0, shown)
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
