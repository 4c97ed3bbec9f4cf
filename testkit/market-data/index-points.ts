import { planIndex } from '#src/market-data/indexes/calculation/index-plan.ts';
import type { MarketAction } from '#src/market-data/indexes/calculation/index-day.ts';
import { createIndexRun, type IndexPoint } from '#src/market-data/indexes/calculation/index-run.ts';
import { emptyState } from '#src/market-data/indexes/calculation/index-state.ts';
import type { IndexDefinition } from '#src/market-data/indexes/universes.ts';
import type { Interval } from '#src/market-data/series/periods.ts';

export type Close = { readonly date: string; readonly close: number };
export type Action = { readonly symbol: string; readonly date: string } & Partial<
  Pick<MarketAction, 'dividend' | 'split' | 'shares'>
>;

/** Calculates an index from all closes of its constituents, in the order of the definition. `last`: how the last value came about. */
export const runIndex = (
  definition: IndexDefinition,
  series: readonly (readonly Close[])[],
  actions: readonly Action[] = [],
  interval: Interval = '1day',
) => {
  const plan = planIndex(definition, interval);
  const assets = definition.constituents.map((_, index) => index);
  const run = createIndexRun(plan, assets, emptyState(plan));
  const days = new Map<string, [asset: number, close: number][]>();
  for (const [asset, closes] of series.entries()) {
    for (const { date, close } of closes) days.set(date, [...(days.get(date) ?? []), [asset, close]]);
  }
  const all = actions
    .map(({ symbol, date, dividend = NaN, split = NaN, shares = NaN }): MarketAction => ({
      asset: definition.constituents.indexOf(symbol),
      date,
      dividend,
      split,
      shares,
    }))
    .toSorted((left, right) => (left.date < right.date ? -1 : 1));
  let done = 0;
  for (const [date, closes] of [...days].toSorted(([left], [right]) => (left < right ? -1 : 1))) {
    const until = all.findIndex((action) => action.date > date);
    const next = until === -1 ? all.length : until;
    run.add({
      date,
      assets: closes.map(([asset]) => asset),
      closes: closes.map(([, close]) => close),
      actions: all.slice(done, next),
    });
    done = next;
  }
  return { ...run, last: run.finish() };
};

export const indexPoints = (...args: Parameters<typeof runIndex>): readonly IndexPoint[] =>
  runIndex(...args).results().points;
