import type { IndexPlan } from './index-plan.ts';
import { encodeState, type IndexState } from './index-state.ts';
import type { ConstituentAction, IndexChange, IndexDay, StepResult } from './index-day.ts';
import { stepIndex } from './index-step.ts';

export type MarketAction = Omit<ConstituentAction, 'position'> & { readonly asset: number };

/** The closes of one day, and the actions after the day before and until this day. */
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

/** Calculates one index day by day. Days at or before that of the state are ignored, and so are other assets. */
export const createIndexRun = (plan: IndexPlan, assets: readonly number[], state: IndexState) => {
  const positions = new Map(assets.map((asset, position) => [asset, position]));
  const points: IndexPoint[] = [];
  const divisors: DivisorChange[] = [];
  const checkpoints: Checkpoint[] = [];
  let pending: ConstituentAction[] = [];
  let waiting: IndexDay | undefined;
  // The first state comes from a checkpoint, or is empty.
  let kept = state.date;

  const keepCheckpoint = (): void => {
    const { date, ordinal } = state;
    if (kept === date) return;
    kept = date;
    checkpoints.push({ date, ordinal, state: encodeState(state) });
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
    const closes = new Float64Array(assets.length).fill(NaN);
    let isPriced = false;
    const isTooEarly = plan.pricesFrom !== undefined && day.date < plan.pricesFrom;
    // Numbers of shares are in force from their day on, so actions count that are earlier than the first bar.
    for (const [index, asset] of isTooEarly ? [] : day.assets.entries()) {
      const position = positions.get(asset);
      if (position === undefined) continue;
      closes[position] = day.closes[index]!;
      isPriced = true;
    }
    for (const { asset, ...action } of day.actions) {
      const position = positions.get(asset);
      if (position !== undefined) pending.push({ ...action, position });
    }
    if (!isPriced) return undefined;
    const actions = pending;
    pending = [];
    return { date: day.date, closes, actions };
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
    results: () => ({ points, divisors, checkpoints }),
  };
};

export type IndexRun = ReturnType<typeof createIndexRun>;
