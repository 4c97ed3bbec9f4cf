/** Repeatable random numbers (mulberry32). The seed identifies a history. */
export type Random = {
  readonly next: () => number;
  readonly chance: (share: number) => boolean;
  readonly below: (limit: number) => number;
  readonly oneOf: <T>(values: readonly T[]) => T;
};

export const createRandom = (seed: number): Random => {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return { next, chance: (share) => next() < share, below, oneOf: (values) => values[below(values.length)]! };
};
