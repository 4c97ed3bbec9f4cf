import { dayNumber, hasTargets, isInForce, rebalancePeriod, type IndexPlan } from './index-plan.ts';
import type { IndexChange, IndexDay } from './index-day.ts';
import { assertUsable, type IndexState } from './index-state.ts';

/** Cash for one share by position, for shares of this day. */
export type Dividends = ReadonlyMap<number, number>;

const marketValue = ({ units, references, closes }: IndexState): number => {
  let sum = 0;
  for (let i = 0; i < units.length; i += 1) if (units[i] !== 0) sum += units[i]! * (closes[i]! / references[i]!);
  return sum;
};

/** True if the constituent can be a member on this day: it is in force, and what its part depends on is known. */
const isEligible = (plan: IndexPlan, { closes, shares }: IndexState, position: number, day: number): boolean =>
  isInForce(plan, position, day) &&
  !Number.isNaN(closes[position]) &&
  (plan.holds !== 'shares_outstanding' || !Number.isNaN(shares[position]));

/** The units of a new member of a method without target weights. */
const unitsOf = ({ holds }: IndexPlan, { shares }: IndexState, position: number): number =>
  holds === 'shares_outstanding' ? shares[position]! : 1;

/** Makes all eligible constituents members, with their weights. @returns the number of members */
const setMembers = (plan: IndexPlan, state: IndexState, day: number): number => {
  const { units, references, closes } = state;
  let members = 0;
  for (let i = 0; i < units.length; i += 1) {
    if (!isEligible(plan, state, i, day)) {
      units[i] = 0;
      continue;
    }
    members += 1;
    units[i] = hasTargets(plan) ? plan.targets[i]! : unitsOf(plan, state, i);
    references[i] = hasTargets(plan) ? closes[i]! : 1;
  }
  state.base = marketValue(state);
  return members;
};

/** The index begins with the closes of this day. @returns false if no constituent is eligible, so that it cannot begin */
export const startIndex = (plan: IndexPlan, state: IndexState, day: number): boolean => {
  if (setMembers(plan, state, day) === 0) return false;
  state.anchor = plan.baseValue;
  state.value = plan.baseValue;
  return true;
};

/** True if the market value has moved without a move of prices, so that the divisor must follow. */
type Applied = { readonly moved: boolean; readonly dividends: Dividends };

const applyActions = (plan: IndexPlan, state: IndexState, { actions }: IndexDay, changes: IndexChange[]): Applied => {
  const { units, references, closes, shares } = state;
  const dividends = new Map<number, number>();
  const hasBegun = !Number.isNaN(state.value);
  let moved = false;
  for (const { position, split, dividend, shares: newShares } of actions) {
    const isMember = units[position] !== 0;
    if (!Number.isNaN(split)) {
      closes[position]! /= split;
      shares[position]! *= split;
      if (dividends.has(position)) dividends.set(position, dividends.get(position)! / split);
      if (plan.split === 'divisor') moved ||= isMember;
      else if (plan.holds === 'shares_outstanding') units[position]! *= split;
      else references[position]! /= split;
      changes.push({ kind: 'split', position, amount: split });
    }
    if (!Number.isNaN(newShares)) {
      if (plan.holds === 'shares_outstanding' && newShares !== shares[position]) {
        changes.push({ kind: 'shares', position, amount: newShares });
        if (isMember) units[position] = newShares;
        moved ||= isMember;
      }
      shares[position] = newShares;
    }
    if (!Number.isNaN(dividend)) {
      dividends.set(position, (dividends.get(position) ?? 0) + dividend);
      // An index that begins with the closes of this day has got no dividend.
      if (plan.reinvests && hasBegun) changes.push({ kind: 'dividend', position, amount: dividend });
    }
  }
  return { moved, dividends };
};

const leave = (plan: IndexPlan, { units }: IndexState, day: number): void => {
  for (let i = 0; i < units.length; i += 1) if (units[i] !== 0 && !isInForce(plan, i, day)) units[i] = 0;
};

/**
 * New members join at their last close. The part of a new member with a target weight is so large that its ratio to the
 * others is that of the targets. @returns the market value of the new members
 * @throws RangeError if the part of a new member is not usable
 */
const join = (plan: IndexPlan, state: IndexState, day: number, kept: number): number => {
  const { units, references, closes } = state;
  const joiners: number[] = [];
  for (let i = 0; i < units.length; i += 1) if (units[i] === 0 && isEligible(plan, state, i, day)) joiners.push(i);
  if (joiners.length === 0) return 0;
  const keptTargets = plan.targets.reduce((sum, target, i) => (units[i] === 0 ? sum : sum + target), 0);
  let joining = 0;
  for (const i of joiners) {
    const held = hasTargets(plan) ? plan.targets[i]! : unitsOf(plan, state, i);
    const part = kept * (plan.targets[i]! / keptTargets);
    const reference = hasTargets(plan) ? (closes[i]! * held) / part : 1;
    assertUsable(reference);
    units[i] = held;
    references[i] = reference;
    joining += held * (closes[i]! / reference);
  }
  return joining;
};

const listMoves = (before: Float64Array, { units }: IndexState, changes: IndexChange[]): void => {
  for (let position = 0; position < units.length; position += 1) {
    if (before[position] === 0 && units[position] !== 0) changes.push({ kind: 'joined', position });
    if (before[position] !== 0 && units[position] === 0) changes.push({ kind: 'left', position });
  }
};

/**
 * Applies what is effective before the bar of the day: splits and shares, constituents that leave or join, and the
 * rebalancing of the first bar of a period. None of it changes the value, because the divisor follows.
 */
export const openDay = (plan: IndexPlan, state: IndexState, day: IndexDay, changes: IndexChange[]): Dividends => {
  const number = dayNumber(day.date);
  const before = marketValue(state);
  const unitsBefore = Float64Array.from(state.units);
  const { moved, dividends } = applyActions(plan, state, day, changes);
  if (Number.isNaN(state.value)) return dividends;
  const isDue = rebalancePeriod(plan.rebalance, state.date) !== rebalancePeriod(plan.rebalance, day.date);
  leave(plan, state, number);
  const kept = marketValue(state);
  if (isDue || kept === 0) {
    if (setMembers(plan, state, number) > 0) state.anchor = state.value;
    if (isDue && plan.rebalance !== 'each_bar') changes.push({ kind: 'rebalanced' });
  } else {
    const joining = join(plan, state, number, kept);
    if (moved || joining > 0 || kept !== before) state.base *= (kept + joining) / before;
  }
  listMoves(unitsBefore, state, changes);
  return dividends;
};
