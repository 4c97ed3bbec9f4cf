import type { IndexPlan } from './index-plan.ts';
import { encodeState, type IndexState } from './index-state.ts';
import { createBarCollector, daysNeededAfter } from './collect-bars.ts';
import type { IndexChange, IndexDay, MarketDay, StepResult } from './index-day.ts';
import { stepIndex } from './index-step.ts';

export type IndexPoint = { readonly date: string; readonly value: number };

/** A state from which a later calculation continues. */
export type Checkpoint = { readonly date: string; readonly ordinal: number; readonly state: Buffer };

/** From this day on, values are calculated with `after`. */
export type DivisorChange = {
  readonly date: string;
  readonly before: number | null;
  readonly after: number;
  readonly causes: readonly IndexChange['kind'][];
};

/** Each so many days of an index a checkpoint is kept. A calculation from an earlier day repeats up to so many days. */
export const checkpointDays = 32;

/** Smaller relative differences of a divisor are rounding. */
const rounding = 1e-12;

const divisorChange = (date: string, result: StepResult): DivisorChange | undefined => {
  const { divisorBefore: before, divisorAfter: after, changes } = result;
  if (!(after > 0) || Math.abs(after - before) <= rounding * before) return undefined;
  const causes = [...new Set(changes.map(({ kind }) => kind))];
  return { date, before: before > 0 ? before : null, after, causes };
};

/** About the memory of one point and of one change of the divisor. */
const pointBytes = 100;
const divisorBytes = 300;

type Results = {
  readonly points: readonly IndexPoint[];
  readonly divisors: readonly DivisorChange[];
  readonly checkpoints: readonly Checkpoint[];
};

/**
 * Calculates one index bar by bar. Bars at or before that of the state are not calculated again, and other assets are ignored. The state
 * must be that after the last bar of a period.
 */
export const createIndexRun = (plan: IndexPlan, assets: readonly number[], state: IndexState) => {
  const bars = createBarCollector(plan, assets);
  const needsDaysAfter = daysNeededAfter(state.date, plan);
  let points: IndexPoint[] = [];
  let divisors: DivisorChange[] = [];
  let checkpoints: Checkpoint[] = [];
  let checkpointBytes = 0;
  // The first state comes from a checkpoint, or is empty.
  let kept = state.date;

  const keepCheckpoint = (): void => {
    const { date, ordinal } = state;
    if (kept === date) return;
    kept = date;
    const bytes = encodeState(state);
    checkpoints.push({ date, ordinal, state: bytes });
    checkpointBytes += bytes.length;
  };

  const calculate = (day: IndexDay): StepResult => {
    const result = stepIndex(plan, state, day);
    if (result.value !== undefined) points.push({ date: day.date, value: result.value });
    // With `each_bar` the divisor follows from the closes of the bar before.
    const change = plan.rebalance === 'each_bar' ? undefined : divisorChange(day.date, result);
    if (change) divisors.push(change);
    if (state.ordinal % checkpointDays === 0) keepCheckpoint();
    return result;
  };

  return {
    state,
    /** The calculation must get all days after this one. Null: all days. */
    needsDaysAfter,
    /** Calculates the bar before, if the day begins a new one. */
    add: (marketDay: MarketDay): void => {
      if (needsDaysAfter !== null && marketDay.date <= needsDaysAfter) return;
      const day = bars.add(marketDay);
      if (day && day.date > state.date) calculate(day);
    },
    /**
     * Calculates the last bar. The two newest bars get checkpoints, because the next refresh brings a new bar or
     * replaces the newest one.
     */
    finish: ():
      | { readonly day: IndexDay; readonly result: StepResult; readonly closesBefore: Float64Array }
      | undefined => {
      const day = bars.take();
      if (!day || day.date <= state.date) return undefined;
      keepCheckpoint();
      const closesBefore = Float64Array.from(state.closes);
      const result = calculate(day);
      keepCheckpoint();
      return { day, result, closesBefore };
    },
    /** About the memory of the results that were not taken yet. */
    resultBytes: (): number => points.length * pointBytes + divisors.length * divisorBytes + checkpointBytes,
    /** The results since the last call. The caller writes them in parts, because those of all days can be too many. */
    results: (): Results => {
      const results = { points, divisors, checkpoints };
      [points, divisors, checkpoints, checkpointBytes] = [[], [], [], 0];
      return results;
    },
  };
};

export type IndexRun = ReturnType<typeof createIndexRun>;
