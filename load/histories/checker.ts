/** The outcome of a refresh. It is `unknown` if its process was killed before it reported the end. */
export type Outcome = 'succeeded' | 'undone' | 'unknown';

export type Refresh = {
  readonly generation: number;
  readonly outcome: Outcome;
  /** Milliseconds on the monotonic clock of the observer. */
  readonly began: number;
  readonly ended: number;
};

/** The whole state in one snapshot: the generation to which all of it belongs, or a description of the mismatch. */
export type Observation = {
  readonly began: number;
  readonly ended: number;
  readonly generation?: number;
  readonly torn?: string;
};

export type History = {
  /** The generation that was stored before the history. */
  readonly initial: number;
  readonly refreshes: readonly Refresh[];
  /** In the order of one observer. */
  readonly observations: readonly Observation[];
};

/**
 * Checks that every observed state belongs to exactly one committed refresh, that the states have one order, and that
 * no reported commit is lost. Refreshes of one universe never overlap, so each generation is current during one time
 * span.
 * @returns the violations as sentences; empty if the history is valid
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
    // A commit that was reported before this observation began must be visible, unless a later commit has replaced it.
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
