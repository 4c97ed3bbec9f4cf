import type { IndexPlan } from './index-plan.ts';
import { encodeState, type IndexState } from './index-state.ts';
import type { ConstituentAction, IndexChange, IndexDay, StepResult } from './index-day.ts';
import { stepIndex } from './index-step.ts';
import { createPendingActions } from './pending-actions.ts';

export type MarketAction = Omit<ConstituentAction, 'position'> & { readonly asset: number };

/** The closes of one day, and the actions after the day before and until this day. A day with actions can have no closes. */
export type MarketDay = {
  readonly date: string;
  readonly assets: readonly number[];
  /** The close of each of `assets`. */
  readonly closes: readonly number[];
  readonly actions: readonly MarketAction[];
};

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

/** Calculates one index day by day. Days at or before that of the state are ignored, and so are other assets. */
export const createIndexRun = (plan: IndexPlan, assets: readonly number[], state: IndexState) => {
  const positions = new Map(assets.map((asset, position) => [asset, position]));
  let points: IndexPoint[] = [];
  let divisors: DivisorChange[] = [];
  let checkpoints: Checkpoint[] = [];
  let checkpointBytes = 0;
  const pending = createPendingActions();
  let waiting: IndexDay | undefined;
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

  const dayOf = (day: MarketDay): IndexDay | undefined => {
    // Numbers of shares are in force from their day on, so actions count that are earlier than the first bar.
    for (const { asset, ...action } of day.actions) {
      const position = positions.get(asset);
      if (position !== undefined) pending.add({ ...action, position });
    }
    const isTooEarly = plan.pricesFrom !== undefined && day.date < plan.pricesFrom;
    if (isTooEarly || day.assets.length === 0) return undefined;
    const closes = new Float64Array(assets.length).fill(NaN);
    let isPriced = false;
    for (const [index, asset] of day.assets.entries()) {
      const position = positions.get(asset);
      if (position === undefined) continue;
      closes[position] = day.closes[index]!;
      isPriced = true;
    }
    return isPriced ? { date: day.date, closes, actions: pending.take() } : undefined;
  };

  return {
    state,
    /** The last given day is calculated by the next call of `add` or `finish`. */
    add: (marketDay: MarketDay): void => {
      if (marketDay.date <= state.date) return;
      const day = dayOf(marketDay);
      if (!day) return;
      if (waiting) calculate(waiting);
      waiting = day;
    },
    /**
     * Calculates the last day. The two newest days get checkpoints, because the next refresh brings a new bar or
     * replaces the newest one.
     */
    finish: ():
      | { readonly day: IndexDay; readonly result: StepResult; readonly closesBefore: Float64Array }
      | undefined => {
      if (!waiting) return undefined;
      keepCheckpoint();
      const day = waiting;
      const closesBefore = Float64Array.from(state.closes);
      const result = calculate(day);
      waiting = undefined;
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
