import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { Universe } from '../../indexes/universes.ts';
import type { SeriesSource } from '../../providers/series-sources.ts';
import { arrayLiteral } from '../../sql.ts';
import { removeOtherActions } from '../fetched-actions.ts';
import type { SeriesPlan } from '../series-plan.ts';
import { listedHeld, type Plans, type StoredResult } from '../stored-result.ts';
import { removeBars, removeSeries, rescaleBefore, writeBars, writeQuarantine } from './write-series.ts';

// SQL: one statement marks all assets of a batch.

type WriteRequest = Pick<StoredResult, 'listed'> & {
  readonly refreshId: string;
  readonly universe: Pick<Universe, 'interval'>;
  readonly source: SeriesSource | null;
  /** Whether the source of the series at this position of the plans tells no actions. */
  readonly isAdjusted: (position: number) => boolean;
};

/**
 * Writes what the plans say.
 * @returns the first day on which an action that does not belong to the prices was removed; null if there was none
 */
export const writePlans = async (
  { query }: Pick<Transaction, 'query'>,
  plans: Plans,
  { refreshId, universe, source, isAdjusted, listed }: WriteRequest,
  from: string,
): Promise<string | null> => {
  const listOf = <T>(items: (plan: SeriesPlan) => readonly T[]): (readonly [number, T])[] =>
    plans.flatMap(([asset, plan]) => items(plan).map((item) => [asset, item] as const));
  const assetsOf = (selects: (plan: SeriesPlan) => boolean): number[] =>
    plans.filter(([, plan]) => selects(plan)).map(([asset]) => asset);

  await removeSeries(
    { query },
    assetsOf(({ removesAll }) => removesAll),
  );
  const stored = assetsOf(({ accepted }) => accepted > 0);
  const adjusted = plans.flatMap(([asset, { accepted }], position) =>
    accepted > 0 && isAdjusted(position) ? [asset] : [],
  );
  // Without a source, the recorded one stays.
  const firstRemoved =
    source === null ? null : await removeOtherActions({ query }, { assets: stored, adjusted, source });
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
  await writeQuarantine({ query }, refreshId, listedHeld({ listed }, plans));
  await query(
    `update asset set price_source = coalesce($2, price_source), price_interval = $3
     where id = any($1::int[]) and (price_source is distinct from $2 or price_interval is distinct from $3)`,
    [arrayLiteral(stored), source, universe.interval],
  );
  return firstRemoved;
};
