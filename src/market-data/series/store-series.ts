import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { FetchedUniverse, SeriesSource } from '../providers/provider.ts';
import { arrayLiteral } from '../sql.ts';
import type { Universe } from '../indexes/universes.ts';
import { firstDayOfPeriod } from './periods.ts';
import { planSeries } from './plan-series.ts';
import type { HeldBackSeries, QuarantinedPrice, ReplacedSeries, SeriesPlan } from './series-plan.ts';
import { readStoredSeries } from './stored-series.ts';
import { removeBars, removeSeries, rescaleBefore, writeBars, writeQuarantine } from './write-series.ts';

export type StoreRequest = {
  readonly refreshId: string;
  readonly universe: Pick<Universe, 'from' | 'interval'>;
  /** Database ids by symbol. */
  readonly assets: ReadonlyMap<string, number>;
  readonly fetched: FetchedUniverse;
  readonly source: SeriesSource | null;
  readonly quarantineFactor: number;
};

export type StoredResult = {
  /** Fetched bars that are part of their series now. Bars that were stored already count too. */
  readonly prices: number;
  /** Number of bars held back. It can be larger than the length of `held`, see `maxListedBars`. */
  readonly quarantined: number;
  readonly held: readonly QuarantinedPrice[];
  readonly replaced: readonly ReplacedSeries[];
  readonly heldBack: readonly HeldBackSeries[];
};

/** Compares the fetched series with the stored ones, and writes the differences. Prices that are not believed are listed. */
export const storeSeries = async (
  { query }: Pick<Transaction, 'query'>,
  { refreshId, universe, assets, fetched, source, quarantineFactor }: StoreRequest,
): Promise<StoredResult> => {
  const { interval } = universe;
  const from = firstDayOfPeriod(universe.from, interval);
  const stored = await readStoredSeries({ query }, [...assets.values()], from);
  const current = fetched.source === 'provider';
  const plans = fetched.series.map((series): readonly [number, SeriesPlan] => {
    const asset = assets.get(series.symbol);
    const known = asset === undefined ? undefined : stored.get(asset);
    if (asset === undefined || known === undefined) throw new Error(`${series.symbol} has no row`);
    return [asset, planSeries(series, known, { source, interval, current, quarantineFactor })];
  });
  const listOf = <T>(items: (plan: SeriesPlan) => readonly T[]): (readonly [number, T])[] =>
    plans.flatMap(([asset, plan]) => items(plan).map((item) => [asset, item] as const));

  await removeSeries(
    { query },
    plans.filter(([, { removesAll }]) => removesAll).map(([asset]) => asset),
  );
  await rescaleBefore(
    { query },
    listOf(({ rescaleBefore: factor }) => (factor === undefined ? [] : [factor])),
    from,
  );
  await removeBars(
    { query },
    listOf(({ removed }) => removed),
  );
  await writeBars(
    { query },
    listOf(({ changed }) => changed),
  );
  await writeQuarantine(
    { query },
    refreshId,
    listOf(({ held }) => held),
  );
  const accepted = plans.filter(([, plan]) => plan.accepted > 0).map(([asset]) => asset);
  await query(
    `update asset set price_source = coalesce($2, price_source), price_interval = $3
     where id = any($1::int[]) and (price_source is distinct from $2 or price_interval is distinct from $3)`,
    [arrayLiteral(accepted), source, interval],
  );
  const present = <T>(items: readonly (T | undefined)[]): T[] => items.filter((item) => item !== undefined);
  return {
    prices: plans.reduce((sum, [, plan]) => sum + plan.accepted, 0),
    quarantined: plans.reduce((sum, [, plan]) => sum + plan.heldCount, 0),
    held: plans.flatMap(([, { held }]) => held),
    replaced: present(plans.map(([, { replaced }]) => replaced)),
    heldBack: present(plans.map(([, { heldBack }]) => heldBack)),
  };
};
