/** What became of a refresh: its process reported an end, or was killed before it could. */
export type Outcome = 'succeeded' | 'undone' | 'unknown';

export type Refresh = {
  readonly generation: number;
  readonly outcome: Outcome;
  /** Milliseconds, monotonic, on the watcher's clock. */
  readonly began: number;
  readonly ended: number;
};

/** One look at the whole state, in one snapshot: the generation that all of it belongs to, or what does not fit. */
export type Observation = {
  readonly began: number;
  readonly ended: number;
  readonly generation?: number;
  readonly torn?: string;
};

export type History = {
  /** What was stored before. */
  readonly initial: number;
  readonly refreshes: readonly Refresh[];
  /** In the order in which one observer made them. */
  readonly observations: readonly Observation[];
};

/**
 * Checks that every observed state is that of exactly one committed refresh, that states follow each other in one
 * order, and that what was reported committed stays. Refreshes of one universe never overlap, so each generation is
 * current during one stretch of time.
 * @returns the violations, in words; empty when the history is sound
 */
export const violations = ({ initial, refreshes, observations }: History): string[] => {
  const found: string[] = [];
  const byGeneration = new Map(refreshes.map((refresh) => [refresh.generation, refresh]));
  const left = new Set<number>();
  let current = initial;
  for (const observation of observations) {
    const { generation, torn } = observation;
    if (generation === undefined) {
      found.push(`a state of no single refresh: ${torn ?? 'nothing stored'}`);
      continue;
    }
    if (generation !== current) {
      const refresh = byGeneration.get(generation);
      if (left.has(generation)) found.push(`generation ${generation} came back after ${current}`);
      else if (!refresh) found.push(`generation ${generation} was never asked for`);
      else if (refresh.outcome === 'undone') found.push(`generation ${generation} is seen, but was reported undone`);
      else if (refresh.began > observation.ended) found.push(`generation ${generation} is seen before it began`);
      left.add(current);
      current = generation;
    }
    // A commit that was reported before this look began is visible in it, unless a later one has replaced it.
    const lost = refreshes.find(
      ({ outcome, began, ended, generation: other }) =>
        outcome === 'succeeded' &&
        ended < observation.began &&
        other !== generation &&
        began > (byGeneration.get(generation)?.ended ?? -Infinity),
    );
    if (lost) found.push(`generation ${lost.generation} was reported committed, but ${generation} is seen later`);
  }
  return found;
};
