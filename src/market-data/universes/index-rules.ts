import { addDays, lastDay } from '#src/kernel/calendar.ts';
import { rangeOrderText } from '#src/kernel/requests/texts/range-order.ts';
import { indexMethodRules, type IndexMethod, type Rebalance } from '../indexes/index-methods.ts';
import type { ConstituentTerms } from '../indexes/universes.ts';

export type Refuse = (path: readonly (string | number)[], message: string) => void;

type Constituent = ConstituentTerms & { readonly symbol: string };
type Index = {
  readonly method: IndexMethod;
  readonly rebalance?: Rebalance | undefined;
  readonly constituents: readonly Constituent[];
};

export const refuseRepeated = (
  names: readonly string[],
  pathOf: (index: number) => readonly (string | number)[],
  refuse: Refuse,
): void => {
  const seen = new Set<string>();
  for (const [index, name] of names.entries()) {
    if (seen.has(name)) refuse(pathOf(index), 'Must occur once: remove the second one');
    seen.add(name);
  }
};

const always = '0001-01-01';
type Membership = { readonly weight: number; readonly starts: string; readonly ends: string };

/** The days on which the membership changes, each with the sum of the weights from this day on. */
const weightsByDay = (constituents: readonly Constituent[]): { day: string; members: number; sum: number }[] => {
  const memberships = constituents.map(({ weight = 0, from = always, to }): Membership => ({
    weight,
    starts: from,
    ends: to === undefined ? lastDay : addDays(to, 1),
  }));
  const changes = new Map<string, { members: number; sum: number }>();
  const change = (day: string, members: number, sum: number): void => {
    const before = changes.get(day) ?? { members: 0, sum: 0 };
    changes.set(day, { members: before.members + members, sum: before.sum + sum });
  };
  for (const { weight, starts, ends } of memberships) {
    change(starts, 1, weight);
    change(ends, -1, -weight);
  }
  let members = 0;
  let sum = 0;
  return [...changes]
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([day, delta]) => ({ day, members: (members += delta.members), sum: (sum += delta.sum) }));
};

/** Weights are decimal fractions, so their sum differs a little from 1. */
const tolerance = 1e-6;

const checkMemberships = ({ method, constituents }: Index, refuse: Refuse): void => {
  const days = weightsByDay(constituents);
  for (const [index, { day, members, sum }] of days.entries()) {
    const since = day === always ? '' : ` from ${day} on`;
    const isEnd = index === days.length - 1;
    if (members === 0 && !isEnd)
      return refuse(
        ['constituents'],
        `The index has no constituent${since}: its constituents must cover each day until the last one ends`,
      );
    if (members === 0 || method !== 'fixed_weights' || Math.abs(sum - 1) <= tolerance) continue;
    return refuse(
      ['constituents'],
      `The weights of constituents must add up to 1, and their sum is ${Number(sum.toFixed(9))}${since}`,
    );
  }
};

/** The rules between the members of one index. `known`: the symbols of the universe. */
export const checkIndex = (index: Index, known: ReadonlySet<string>, refuse: Refuse): void => {
  const { method, rebalance, constituents } = index;
  const { holds, rebalances, maxConstituents } = indexMethodRules[method];
  const needsWeights = holds === 'given_weight';
  let fits = true;
  const refuseMember = (position: number, member: string, message: string): void => {
    fits = false;
    refuse(['constituents', position, member], message);
  };
  refuseRepeated(
    constituents.map(({ symbol }) => symbol),
    (position) => ['constituents', position, 'symbol'],
    refuse,
  );
  for (const [position, { symbol, weight, from, to }] of constituents.entries()) {
    if (!known.has(symbol))
      refuseMember(
        position,
        'symbol',
        `Must be the symbol of an asset of this universe, not "${symbol}": add the asset to assets, or remove the constituent`,
      );
    if (needsWeights && weight === undefined)
      refuseMember(position, 'weight', `Must be sent for ${method}, such as 0.5 for 50 %`);
    if (!needsWeights && weight !== undefined)
      refuseMember(position, 'weight', `Must not be sent for ${method}: remove it, or use the method fixed_weights`);
    if (from !== undefined && to !== undefined && from > to)
      refuseMember(position, 'from', rangeOrderText({ from, to }));
  }
  if (fits) checkMemberships(index, refuse);
  if (constituents.length > maxConstituents) {
    const count = maxConstituents === 1 ? 'one item' : `at most ${maxConstituents} items`;
    refuse(['constituents'], `Must have ${count} for ${method}, not ${constituents.length}`);
  }
  if (rebalance !== undefined && !rebalances.includes(rebalance)) {
    refuse(['rebalance'], `Must be ${rebalances.join(', ').replace(/, ([^,]*)$/, ' or $1')} for ${method}`);
  }
};
