import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { createTurns, runInTurns } from '#src/kernel/streams/turns.ts';
import { tellsActions, type FetchedSeries, type FetchedUniverse } from '../providers/provider.ts';
import type { SeriesSource } from '../providers/series-sources.ts';
import { arrayLiteral } from '../sql.ts';
import type { Universe } from '../indexes/universes.ts';
import { batchesOf } from './stored/batches.ts';
import { storeFetchedActions } from './fetched-actions.ts';
import { firstDayOfPeriod } from './periods.ts';
import { isOfOther, planSeries } from './plan-series.ts';
import type { SeriesOrigin, SeriesPlan } from './series-plan.ts';
import { maxBarsOfSeries } from './max-bars.ts';
import { assertSeriesLengths, countStoredBars } from './stored/series-sizes.ts';
import { noDays, readOrigins, readStoredRanges, type SeriesRange } from './stored/stored-series.ts';
import { earlier, nothingStored, withPlans, type Plans, type StoredResult } from './stored-result.ts';
import { writePlans } from './write/write-plans.ts';

// SQL: one statement marks all assets of a batch.

export type StoreRequest = {
  readonly refreshId: string;
  readonly universe: Pick<Universe, 'from' | 'interval'>;
  /** Database ids by symbol. */
  readonly assets: ReadonlyMap<string, number>;
  readonly fetched: Pick<FetchedUniverse, 'source'> & {
    readonly series: Iterable<FetchedSeries> | AsyncIterable<FetchedSeries>;
  };
  readonly source: SeriesSource | null;
  readonly quarantineFactor: number;
  /** Ends the work with its reason between two steps. */
  readonly signal?: AbortSignal;
};

/** A fetched series with its stored one: the days from the first requested one on, and where its prices come from. */
type StartedSeries = {
  readonly fetched: FetchedSeries;
  readonly asset: number;
  readonly origin: SeriesOrigin;
  /** The first requested day. */
  readonly from: string;
  /** The stored days that the plan compares. */
  readonly compared: SeriesRange;
};

const tooLong = (symbol: string): AppError =>
  new AppError('external_api_bad_response', `${symbol} would have more than ${maxBarsOfSeries} bars`);

const startSeries = async (
  transaction: Pick<Transaction, 'query'>,
  series: readonly FetchedSeries[],
  { universe, assets, source }: StoreRequest,
): Promise<StartedSeries[]> => {
  const ids = series.map(({ symbol }) => {
    const asset = assets.get(symbol);
    if (asset === undefined) throw new Error(`${symbol} has no row`);
    return asset;
  });
  const origins = await readOrigins(transaction, ids);
  return series.map((fetched, index): StartedSeries => {
    const asset = ids[index]!;
    const origin = origins.get(asset)!;
    const from = fetched.since ?? firstDayOfPeriod(universe.from, universe.interval);
    const isReplaced = fetched.since === undefined && isOfOther(origin, { source, interval: universe.interval });
    const days = isReplaced ? noDays : { first: from, last: 'infinity' };
    return { fetched, asset, origin, from, compared: { asset, ...days } };
  });
};

const planBatch = async (
  transaction: Pick<Transaction, 'query'>,
  series: readonly StartedSeries[],
  { universe, fetched, source, quarantineFactor, signal }: StoreRequest,
): Promise<Plans> => {
  const turns = createTurns({ signal });
  const stored = await readStoredRanges(
    transaction,
    series.map(({ compared }) => compared),
    new Map(series.map(({ asset, origin }) => [asset, origin])),
    turns,
  );
  const context = {
    source,
    interval: universe.interval,
    current: fetched.source === 'provider',
    quarantineFactor,
  };
  const plans: (readonly [number, SeriesPlan])[] = [];
  for (const { asset, fetched: each } of series) {
    const known = stored.get(asset)!;
    const isTail = each.since !== undefined;
    const tailContext = {
      ...context,
      isTail,
      isPart: isTail && known.before !== undefined,
      tellsActions: tellsActions(each),
    };
    plans.push([asset, await runInTurns(planSeries(each, known, tailContext), turns)]);
    await turns.give();
  }
  return plans;
};

/** Records which series were fetched as a whole, so that the next refreshes need only their ends. */
const markHistories = async (
  { query }: Pick<Transaction, 'query'>,
  series: readonly StartedSeries[],
  plans: Plans,
  { universe, fetched }: StoreRequest,
): Promise<void> => {
  if (fetched.source !== 'provider') return;
  const whole = plans.filter(([, { accepted }], index) => series[index]!.fetched.since === undefined && accepted > 0);
  if (whole.length === 0) return;
  await query('update asset set history_from = $2, history_at = now() where id = any($1::int[])', [
    arrayLiteral(whole.map(([asset]) => asset)),
    universe.from,
  ]);
};

const storeBatch = async (
  transaction: Pick<Transaction, 'query'>,
  batch: readonly StartedSeries[],
  request: StoreRequest,
  result: StoredResult,
): Promise<StoredResult> => {
  const plans = await planBatch(transaction, batch, request);
  const from = firstDayOfPeriod(request.universe.from, request.universe.interval);
  const isAdjusted = (position: number): boolean => !tellsActions(batch[position]!.fetched);
  const removedActions = await writePlans(transaction, plans, { ...request, isAdjusted, listed: result.listed }, from);
  await assertSeriesLengths(
    transaction,
    batch.map(({ asset }) => asset),
    tooLong,
  );
  await markHistories(transaction, batch, plans, request);
  const accepted = batch.flatMap(({ fetched, asset, from: first }, index) => {
    const [, plan] = plans[index]!;
    return plan.heldBack === undefined ? [{ ...fetched, asset, plan, from: first }] : [];
  });
  const changedActions = await storeFetchedActions(transaction, accepted, {
    interval: request.universe.interval,
    isCurrent: request.fetched.source === 'provider',
  });
  const added = withPlans(result, plans);
  return { ...added, firstChanged: earlier(earlier(removedActions, changedActions), added.firstChanged) };
};

/** Compares the fetched series with the stored ones, and writes the differences. Prices that are not believed are listed. */
export const storeSeries = async (
  transaction: Pick<Transaction, 'query'>,
  request: StoreRequest,
): Promise<StoredResult> => {
  let result = nothingStored;
  for await (const fetched of batchesOf(request.fetched.series, ({ prices }) => prices.length)) {
    const series = await startSeries(transaction, fetched, request);
    const stored = await countStoredBars(
      transaction,
      series.map(({ compared }) => compared),
      tooLong,
    );
    // A short answer can belong to a long series, so the stored bars limit the batch too.
    const barsOf = ({ asset, fetched: { prices } }: StartedSeries): number => prices.length + (stored.get(asset) ?? 0);
    for await (const batch of batchesOf(series, barsOf)) {
      result = await storeBatch(transaction, batch, request, result);
    }
  }
  return result;
};
