import type { Corrections } from '../chaos/generations.ts';

const months = 24;

/**
 * The corrections of a provider in random histories. Each generation has another unit of prices, and some generations
 * withdraw a bar or date the running month differently. Any two of them differ by a factor that a refresh believes.
 */
const believed: Corrections = (generation) => ({
  unit: [1, 2, 4][generation % 3]!,
  ...(generation % 4 === 1 && { withdrawn: 1 + (generation % (months - 2)) }),
  lastDay: [1, 7, 28][Math.floor(generation / 3) % 3]!,
  months,
});

/** True for a generation with an answer that a refresh must hold back: it must never be seen. */
export const isHeldBack = (generation: number): boolean => generation % 7 === 3 || generation % 11 === 5;

export const corrections: Corrections = (generation) => {
  if (!isHeldBack(generation)) return believed(generation);
  const answer = { ...believed(generation) };
  return generation % 7 === 3 ? { ...answer, unit: 100 } : { ...answer, months: 10 };
};
