import { deterministicAmericanPut } from '../american/american-limits.ts';
import { intervalsOf, type GridProblem } from './grid-problem.ts';

/** The price without time or volatility. NaN if the dividends are worth more than the spot. */
export const knownPathPrice = (problem: GridProblem): number => {
  const { spot, strike, time, rate, dividendYield, sign, american, lastDividend } = problem;
  const intervals = intervalsOf(problem);
  if (intervals === undefined) return Number.NaN;
  if (american && intervals.length === 1 && lastDividend === 0) {
    return sign < 0
      ? deterministicAmericanPut(spot, strike, time, rate, dividendYield)
      : deterministicAmericanPut(strike, spot, time, dividendYield, rate);
  }
  let best = 0;
  const exercise = (at: number, price: number): void => {
    best = Math.max(best, Math.exp(-rate * at) * sign * (price - strike));
  };
  // Between two dividends the discounted payoff is monotonic without a yield, so its max is at one of the ends.
  for (const { from, length, centre } of american ? intervals : []) {
    exercise(from, centre);
    exercise(from + length, centre * Math.exp((rate - dividendYield) * length));
  }
  const last = intervals.at(-1)!;
  exercise(time, last.centre * Math.exp((rate - dividendYield) * last.length) - lastDividend);
  return best;
};
