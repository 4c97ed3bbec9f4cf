export type AmericanInputs = [
  spot: number,
  strike: number,
  time: number,
  rate: number,
  dividendYield: number,
  volatility: number,
  sign: number,
];

/** Random numbers from a seed, uniform between 0 and 1. */
export const seeded = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
};

/**
 * Random American options over the whole accepted domain with one exercise boundary: up to 200 years, volatilities from
 * 0.001 to 100, rates and yields up to 10, the yield of a put and the rate of a call down to -1. Half of the inputs are
 * uniform, half log-uniform. The strike is 100.
 */
export const randomAmericans = (seed: number, count: number): AmericanInputs[] => {
  const random = seeded(seed);
  const between = (low: number, high: number): number => low + (high - low) * random();
  const log = (low: number, high: number): number => Math.exp(between(Math.log(low), Math.log(high)));
  return Array.from({ length: count }, () => {
    const time = random() < 0.5 ? log(1e-3, 200) : between(0.01, 200);
    const volatility = random() < 0.5 ? log(1e-3, 100) : between(0.01, 3);
    const own = random() < 0.4 ? log(1e-6, 10) : random() < 0.5 ? between(0, 0.3) : between(0, 10);
    const other = [0, -log(1e-6, 1), log(1e-6, 10), own, between(-0.1, 0.3), between(-1, 10)][
      Math.floor(6 * random())
    ]!;
    const spread = Math.min(1.5, volatility * Math.sqrt(time));
    const spot = 100 * Math.exp(between(-1, 1) * Math.max(spread, 0.01));
    return random() < 0.5
      ? [spot, 100, time, own, other, volatility, -1]
      : [spot, 100, time, other, own, volatility, 1];
  });
};
