import { defaultRebalance, indexMethodRules, type Rebalance } from '../index-methods.ts';
import type { Interval } from '../../series/periods.ts';
import type { IndexDefinition } from '../universes.ts';

export const defaultBaseValue = 1000;

/** A definition in the form that the calculation needs. Position `i` of each list belongs to constituent `i`. */
export type IndexPlan = {
  /** The index has one bar for each period of this length. */
  readonly interval: Interval;
  readonly holds: (typeof indexMethodRules)[IndexDefinition['method']]['holds'];
  readonly split: 'holding' | 'divisor';
  readonly rebalance: Rebalance;
  readonly reinvests: boolean;
  readonly baseValue: number;
  readonly baseDay: number;
  /** Absent if all bars count, so that the digest of such a definition stays as it was. */
  readonly pricesFrom?: string;
  readonly constituents: readonly string[];
  /** First and last day of each membership. */
  readonly from: Int32Array;
  readonly to: Int32Array;
  /** The weights after a rebalancing, for the methods that have them. Only their ratios matter. */
  readonly targets: Float64Array;
};

/** 2026-11-26 is 20261126. Numbers are compared faster than texts. */
export const dayNumber = (date: string): number => Number(date.replaceAll('-', ''));

const firstDay = 0;
const lastDay = 2 ** 31 - 1;

export const planIndex = (definition: IndexDefinition, interval: Interval): IndexPlan => {
  const { method, constituents, terms, pricesFrom, baseDate, baseValue = defaultBaseValue } = definition;
  const { holds, split } = indexMethodRules[method];
  const dayOf = (date: string | undefined, otherwise: number): number =>
    date === undefined ? otherwise : dayNumber(date);
  const from = new Int32Array(constituents.length);
  const to = new Int32Array(constituents.length);
  const targets = new Float64Array(constituents.length);
  // A loop, because `from` of typed arrays makes objects for each constituent.
  for (const [position, symbol] of constituents.entries()) {
    const { from: first, to: last, weight = 0 } = terms?.get(symbol) ?? {};
    from[position] = dayOf(first, firstDay);
    to[position] = dayOf(last, lastDay);
    targets[position] = holds === 'given_weight' ? weight : 1;
  }
  return {
    interval,
    holds,
    split,
    rebalance: definition.rebalance ?? defaultRebalance(method),
    reinvests: definition.returnType === 'total',
    baseValue,
    baseDay: dayOf(baseDate, firstDay),
    ...(pricesFrom !== undefined && { pricesFrom }),
    constituents,
    from,
    to,
    targets,
  };
};

/** True if a rebalancing sets the weights. */
export const hasTargets = ({ holds }: IndexPlan): boolean => holds === 'equal_weight' || holds === 'given_weight';

export const isInForce = ({ from, to }: IndexPlan, position: number, day: number): boolean =>
  from[position]! <= day && day <= to[position]!;

const periodNames: Readonly<Record<Rebalance, (date: string) => string>> = {
  never: () => 'always',
  each_bar: (date) => date,
  monthly: (date) => date.slice(0, 7),
  quarterly: (date) => `${date.slice(0, 4)} ${Math.ceil(Number(date.slice(5, 7)) / 3)}`,
  yearly: (date) => date.slice(0, 4),
};

/** A name of the period in which the weights stay as they are. */
export const rebalancePeriod = (rebalance: Rebalance, date: string): string => periodNames[rebalance](date);
