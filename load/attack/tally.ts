/**
 * The outcome of a request. It is a status, or without a status one of:
 * - `cut`: the service closed the connection before the answer was complete,
 * - `held`: the connection was still open at the end of the attack,
 * - `no connection`: no process listened on the port.
 */
export type Outcome = number | 'cut' | 'held' | 'no connection';

export type Tally = {
  readonly add: (outcome: Outcome) => void;
  readonly count: (outcome: Outcome) => number;
  readonly total: () => number;
  /** For example `200: 12, 413: 988`, with statuses first. */
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
