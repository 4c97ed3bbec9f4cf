import type { IndexChange, IndexDay, StepResult } from './index-day.ts';
import { dayNumber, isInForce, type IndexPlan } from './index-plan.ts';
import { assertUsable, type IndexState } from './index-state.ts';
import { openDay, startIndex, type Dividends } from './open-day.ts';

const isFresh = (close: number | undefined): boolean => !Number.isNaN(close);

const hasMembers = ({ units }: IndexState): boolean => units.some((held) => held !== 0);

const keepCloses = ({ rebalance }: IndexPlan, state: IndexState, closes: Float64Array): void => {
  if (rebalance === 'each_bar') state.closes.set(closes);
  else for (let i = 0; i < closes.length; i += 1) if (isFresh(closes[i])) state.closes[i] = closes[i]!;
};

/** Sets the value after the close. With `each_bar` only members with a close on this day count. @returns the divisor */
const closeDay = (plan: IndexPlan, state: IndexState, day: IndexDay, dividends: Dividends): number => {
  const { units, references, closes } = state;
  const onlyFresh = plan.rebalance === 'each_bar';
  let sum = 0;
  let members = 0;
  let freshUnits = 0;
  let cash = 0;
  for (let i = 0; i < units.length; i += 1) {
    if (units[i] === 0 || (onlyFresh && !isFresh(day.closes[i]))) continue;
    sum += units[i]! * (closes[i]! / references[i]!);
    members += 1;
    freshUnits += units[i]!;
    if (plan.reinvests && dividends.has(i)) cash += units[i]! * (dividends.get(i)! / references[i]!);
  }
  if (members === 0) return NaN;
  assertUsable(sum);
  if (onlyFresh) state.base = freshUnits;
  const divisor = state.base / state.anchor;
  state.value = state.anchor * ((sum + cash) / state.base);
  // The dividends buy shares of the index at this close: the divisor falls, and the next value starts from this one.
  if (cash > 0) state.base *= sum / (sum + cash);
  return divisor;
};

/**
 * Advances the state by one day: first the changes that are effective before the bar, at the last closes, then the bar.
 * Days must be given in order.
 * @throws RangeError if the value, the market value of the members or the divisor is not usable
 */
export const stepIndex = (plan: IndexPlan, state: IndexState, day: IndexDay): StepResult => {
  const number = dayNumber(day.date);
  const changes: IndexChange[] = [];
  const hadStarted = !Number.isNaN(state.value);
  const divisorBefore = hadStarted ? state.base / state.anchor : NaN;
  const dividends = openDay(plan, state, day, changes);
  keepCloses(plan, state, day.closes);
  let divisor = NaN;
  // A flag, because a value that becomes NaN must not look like an index that has not begun and begin again.
  let hasStarted = hadStarted;
  if (hadStarted) divisor = closeDay(plan, state, day, dividends);
  else if (number >= plan.baseDay && startIndex(plan, state, number)) {
    hasStarted = true;
    divisor = state.base / state.anchor;
    changes.push({ kind: 'started' });
  }
  state.date = day.date;
  state.ordinal += 1;
  if (!hasStarted) return { value: undefined, divisor, divisorBefore, divisorAfter: NaN, changes: [] };
  assertUsable(state.value);
  const isPriced = day.closes.some((close, position) => isFresh(close) && isInForce(plan, position, number));
  const divisorAfter = state.base / state.anchor;
  if (hasMembers(state)) for (const number of [state.base, divisorAfter]) assertUsable(number);
  return { value: isPriced ? state.value : undefined, divisor, divisorBefore, divisorAfter, changes };
};
