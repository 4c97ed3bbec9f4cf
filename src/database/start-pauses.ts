const firstMs = 250;
const maxMs = 5_000;

/**
 * Pauses between the attempts of the start to reach the database, in milliseconds. The limit doubles with each pause, up to
 * 5 s. A pause is between half and all of its limit, so that instances that start together do not connect at the same moments.
 * @param random a number from 0 to below 1
 */
export const startPauses = function* (random: () => number = Math.random): Generator<number, never> {
  for (let limitMs = firstMs; ; limitMs = Math.min(maxMs, limitMs * 2)) {
    yield Math.round(limitMs * (0.5 + random() / 2));
  }
};
