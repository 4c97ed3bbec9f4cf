/** Pseudo-random numbers that depend only on the seed. */
export type Random = {
  /** An integer from 0 to `end` - 1. */
  readonly below: (end: number) => number;
  readonly pick: <T>(choices: readonly T[]) => T;
};

/** The random numbers of mutant `index`, so that each mutant can be generated without the others. */
export const createRandom = (seed: number, index: number): Random => {
  // The generator is mulberry32. The multiplication gives neighbouring indices different start states.
  let state = Math.imul(seed ^ Math.imul(index + 1, 0x9e3779b1), 0x85ebca6b) | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (end: number): number => next() % Math.max(1, end);
  return { below, pick: (choices) => choices[below(choices.length)]! };
};
