/**
 * How a request ended: a status, or without one
 * - `cut`: the service closed the connection before a whole answer,
 * - `held`: the connection was still open at the end of the attack,
 * - `no connection`: nobody listened.
 */
export type Outcome = number | 'cut' | 'held' | 'no connection';

export type Tally = {
  readonly add: (outcome: Outcome) => void;
  readonly count: (outcome: Outcome) => number;
  readonly total: () => number;
  /** `200: 12, 413: 988`: statuses first. */
  readonly text: () => string;
};

export const createTally = (): Tally => {
  const counts = new Map<Outcome, number>();
  return {
    add: (outcome) => void counts.set(outcome, (counts.get(outcome) ?? 0) + 1),
    count: (outcome) => counts.get(outcome) ?? 0,
    total: () => [...counts.values()].reduce((sum, count) => sum + count, 0),
    text: () =>
      [...counts]
        .toSorted(([a], [b]) => String(a).localeCompare(String(b)))
        .map(([outcome, count]) => `${outcome}: ${count}`)
        .join(', '),
  };
};
