/** A random number generator with a seed (mulberry32), so that a run can be repeated. */
const createRandom = (seed: number) => {
  let state = seed >>> 0;
  return (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
};

export const random = createRandom(Number(__ENV['SEED'] ?? 1) * 7_919 + __VU * 104_729);
export const between = (low: number, high: number): number => low + (high - low) * random();
export const oneOf = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
