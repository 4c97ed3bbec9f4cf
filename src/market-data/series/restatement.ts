import type { Steps } from '#src/kernel/streams/turns.ts';
import { median, moveOf } from './bars.ts';
import { eachInSteps, mapInSteps } from './steps.ts';

/** The close of one period, as stored and as fetched. */
export type ClosePair = { readonly stored: number; readonly fetched: number };

/**
 * What a provider did to the history. `restated`: the prices of one or several time spans were multiplied by a common
 * factor. `contradictory`: a span has another factor, but this makes a jump that the stored series does not have.
 */
export type Restatement =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'restated';
      /** Fetched divided by stored, of the oldest span that changed. */
      readonly factor: number;
      /** The largest change of a span, at least 1. */
      readonly maxMove: number;
      /** The factor of each pair. */
      readonly factors: readonly number[];
    }
  | { readonly kind: 'contradictory'; readonly factor: number };

/** A run of fewer pairs with the same factor proves nothing, except if the series has no more. */
const minRunPairs = 5;
/** Share of the pairs that may differ from the factor of their run: each of them is judged alone. */
const maxOutlierShare = 0.1;
/** Prices are rounded to cents, so a factor is never exact. For very small prices a cent would allow everything. */
const relativeTolerance = 0.005;
const absoluteTolerance = 0.006;
const maxTolerance = 0.05;
/** A smaller change is an ordinary correction, for example for a dividend. */
const minRestatedMove = 1.01;
/** A change of factor below this cannot be told from the daily moves of the market. */
const minJumpMove = 1.5;

const follows = ({ stored, fetched }: ClosePair, factor: number): boolean => {
  const expected = stored * factor;
  const tolerance = relativeTolerance * expected + absoluteTolerance;
  return Math.abs(fetched - expected) <= Math.min(tolerance, maxTolerance * expected);
};

type Run = { start: number; end: number; factor: number; outliers: number };

const ratioOf = ({ stored, fetched }: ClosePair): number => fetched / stored;

/** Splits the pairs into runs with one factor each. A single pair with another factor does not end a run. */
const runsOf = function* (pairs: readonly ClosePair[], minRun: number): Steps<Run[]> {
  const factorFrom = (index: number): number => median(pairs.slice(index, index + minRun).map(ratioOf));
  const runs: Run[] = [];
  let run: Run = { start: 0, end: 0, factor: factorFrom(0), outliers: 0 };
  yield* eachInSteps(pairs, (pair, index) => {
    if (!follows(pair, run.factor)) {
      const next = factorFrom(index);
      const starts = pairs.slice(index, index + minRun).filter((each) => follows(each, next)).length;
      if (starts >= minRun && follows(pair, next)) {
        runs.push(run);
        run = { start: index, end: index, factor: next, outliers: 0 };
      } else run.outliers += 1;
    }
    run.end = index + 1;
  });
  return [...runs, run];
};

/** True if the fetched closes move less than the stored ones where the factor changes. */
const removesJump = (pairs: readonly ClosePair[], before: Run, after: Run): boolean => {
  let last = before.end - 1;
  while (last >= before.start && !follows(pairs[last]!, before.factor)) last -= 1;
  let first = after.start;
  while (first < after.end && !follows(pairs[first]!, after.factor)) first += 1;
  if (last < before.start || first >= after.end) return false;
  const [left, right] = [pairs[last]!, pairs[first]!];
  return moveOf(right.fetched, left.fetched) < moveOf(right.stored, left.stored);
};

/** The median of the ratios of those pairs of the run that follow its factor. */
const factorOf = function* (pairs: readonly ClosePair[], { start, end, factor }: Run): Steps<number> {
  const ratios = new Float64Array(end - start);
  let count = 0;
  yield* eachInSteps(pairs.slice(start, end), (pair) => {
    if (follows(pair, factor)) ratios[count++] = ratioOf(pair);
  });
  // The sort of numbers in an array of their type calls no function, and takes some milliseconds for 50,000 of them.
  return ratios.subarray(0, count).sort()[count >> 1] ?? Number.NaN;
};

/**
 * Finds a common factor between the fetched and the stored closes, oldest first. The closes alone decide, because every
 * bar has one. A factor that holds for a part of the history is believed only if it removes a jump from the series:
 * that is what an adjustment for a split does, and a fault of the provider does not.
 */
export const findRestatement = function* (pairs: readonly ClosePair[]): Steps<Restatement> {
  if (pairs.length < 2) return { kind: 'none' };
  const runs = yield* runsOf(pairs, Math.min(minRunPairs, pairs.length));
  const outliers = runs.reduce((sum, run) => sum + run.outliers, 0);
  if (outliers > maxOutlierShare * pairs.length) return { kind: 'none' };
  for (const run of runs) run.factor = yield* factorOf(pairs, run);
  const moves = runs.map(({ factor }) => moveOf(factor, 1));
  const changed = runs.find((_, index) => moves[index]! >= minRestatedMove);
  if (!changed) return { kind: 'none' };
  const factor = Number(changed.factor.toPrecision(6));
  const isSmoother = runs.every((run, index) => index === 0 || removesJump(pairs, runs[index - 1]!, run));
  const maxMove = Math.max(...moves);
  if (!isSmoother) {
    const jumps = runs.some((run, index) => index > 0 && moveOf(run.factor, runs[index - 1]!.factor) >= minJumpMove);
    return jumps ? { kind: 'contradictory', factor } : { kind: 'none' };
  }
  let current = 0;
  const factors = yield* mapInSteps(pairs, (_, index) => {
    while (index >= runs[current]!.end) current += 1;
    return runs[current]!.factor;
  });
  return { kind: 'restated', factor, maxMove, factors };
};
