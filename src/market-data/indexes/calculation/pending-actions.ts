import type { ConstituentAction } from './index-day.ts';

/** More actions that wait for a bar are joined. Each of up to 50 indexes of a universe keeps so many. */
const maxPending = 4_000;

const sumOf = (left: number, right: number): number => {
  if (Number.isNaN(left)) return right;
  return Number.isNaN(right) ? left : left + right;
};

/**
 * One action for each split of a constituent. The last one has the sum of its dividends in shares of that day, and its
 * newest number of shares. They change a state as the actions did one after the other, to the last digit, because the
 * same operations come in the same order.
 */
const joined = (actions: readonly ConstituentAction[]): ConstituentAction[] => {
  const byPosition = new Map<number, ConstituentAction[]>();
  for (const action of actions) {
    const kept = byPosition.get(action.position);
    if (!kept) {
      byPosition.set(action.position, [action]);
      continue;
    }
    const before = kept.at(-1)!;
    const isSplit = !Number.isNaN(action.split);
    const factor = isSplit ? action.split : 1;
    if (isSplit) {
      kept[kept.length - 1] = { ...before, dividend: NaN, shares: NaN };
      kept.push(action);
    }
    kept[kept.length - 1] = {
      ...action,
      split: isSplit ? action.split : before.split,
      dividend: sumOf(before.dividend / factor, action.dividend),
      shares: Number.isNaN(action.shares) ? before.shares * factor : action.shares,
    };
  }
  return [...byPosition.values()].flat();
};

/**
 * The actions after the last bar of an index. Their number has no limit of its own, because a universe can begin after
 * the first bar of its assets, and numbers of shares can be of each day before it.
 */
export const createPendingActions = () => {
  let actions: ConstituentAction[] = [];
  let max = maxPending;
  return {
    add: (action: ConstituentAction): void => {
      actions.push(action);
      if (actions.length <= max) return;
      actions = joined(actions);
      // What is left after joining can be more, and must not be joined again with each action.
      max = Math.max(maxPending, 2 * actions.length);
    },
    take: (): readonly ConstituentAction[] => {
      const taken = actions;
      actions = [];
      max = maxPending;
      return taken;
    },
  };
};
