/** When the weights of an index are set again. `each_bar`: before each bar. The others: before the first bar of a period. */
export const rebalances = ['never', 'each_bar', 'monthly', 'quarterly', 'yearly'] as const;
export type Rebalance = (typeof rebalances)[number];

/** `price`: dividends do not count. `total`: cash dividends are reinvested in the index at the close of the ex-date. */
export const returnTypes = ['price', 'total'] as const;
export type ReturnType = (typeof returnTypes)[number];

type MethodRules = {
  /**
   * What an index holds of a constituent. `one_share`: one share. `shares_outstanding`: all shares of the company.
   * `equal_weight`, `given_weight`: so many shares that the constituent has its weight after each rebalancing.
   */
  readonly holds: 'one_share' | 'shares_outstanding' | 'equal_weight' | 'given_weight';
  /** What a split changes: the number of shares that the index holds, or the divisor. */
  readonly split: 'holding' | 'divisor';
  /** The allowed values; the first one is the default. */
  readonly rebalances: readonly [Rebalance, ...Rebalance[]];
  readonly maxConstituents: number;
};

/** All index methods with their rules. The formulas are in docs/indexes.md. */
const rulesOf = {
  equal_weighted: {
    holds: 'equal_weight',
    split: 'holding',
    rebalances: ['each_bar', 'never', 'monthly', 'quarterly', 'yearly'],
    maxConstituents: Infinity,
  },
  price_weighted: { holds: 'one_share', split: 'divisor', rebalances: ['never'], maxConstituents: Infinity },
  capitalization_weighted: {
    holds: 'shares_outstanding',
    split: 'holding',
    rebalances: ['never'],
    maxConstituents: Infinity,
  },
  fixed_weights: {
    holds: 'given_weight',
    split: 'holding',
    rebalances: ['never', 'each_bar', 'monthly', 'quarterly', 'yearly'],
    maxConstituents: Infinity,
  },
  rebased: { holds: 'one_share', split: 'holding', rebalances: ['never'], maxConstituents: 1 },
} as const satisfies Readonly<Record<string, MethodRules>>;

export type IndexMethod = keyof typeof rulesOf;
export const indexMethods = Object.keys(rulesOf) as [IndexMethod, ...IndexMethod[]];
export const indexMethodRules: Readonly<Record<IndexMethod, MethodRules>> = rulesOf;

/** The rebalancing of an index whose definition does not name one. */
export const defaultRebalance = (method: IndexMethod): Rebalance => indexMethodRules[method].rebalances[0];
