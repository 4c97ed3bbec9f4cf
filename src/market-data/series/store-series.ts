import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { createTurns, runInTurns } from '#src/kernel/streams/turns.ts';
import { tellsActions, type FetchedSeries, type FetchedUniverse } from '../providers/provider.ts';
import type { SeriesSource } from '../providers/series-sources.ts';
import { arrayLiteral } from '../sql.ts';
import type { Universe } from '../indexes/universes.ts';
import { firstDayOfPeriod } from './periods.ts';
import { planSeries } from './plan-series.ts';
import type { HeldBackSeries, QuarantinedPrice, ReplacedSeries, SeriesPlan } from './series-plan.ts';
import { removeOtherActions, storeFetchedActions } from './fetched-actions.ts';
import { readStoredSeries } from './stored-series.ts';
import { removeBars, removeSeries, rescaleBefore, writeBars, writeQuarantine } from './write-series.ts';

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
};

export type StoredResult = {
  /** Fetched bars that are part of their series now. Bars that were stored already count too. */
  readonly prices: number;
  /** Number of bars held back. It can be larger than the length of `held`, see `maxListedBars` and `maxKeptHeld`. */
  readonly quarantined: number;
  readonly held: readonly QuarantinedPrice[];
  readonly replaced: readonly ReplacedSeries[];
  readonly heldBack: readonly HeldBackSeries[];
  /** The first day with a changed price; null if no price has changed. */
  readonly firstChanged: string | null;
};

export const minDay = '0001-01-01';

export const earlier = (a: string | null, b: string | null): string | null =>
  a !== null && (b === null || a < b) ? a : b;

const firstChangeOf = ({ changed, removed, removesAll, rescaleBefore: factor }: SeriesPlan): string | null =>
  removesAll || factor !== undefined
    ? minDay
    : [...changed.map(({ date }) => date), ...removed].reduce<string | null>(earlier, null);

export const nothingStored: StoredResult = {
  prices: 0,
  quarantined: 0,
  held: [],
  replaced: [],
  heldBack: [],
  firstChanged: null,
};

/** Limits the memory and the work in one turn of the event loop: the stored bars of one batch of series are in memory at a time. */
const barsPerBatch = 4_000;

export const batchesOf = async function* (
  series: Iterable<FetchedSeries> | AsyncIterable<FetchedSeries>,
): AsyncGenerator<readonly FetchedSeries[]> {
  let batch: FetchedSeries[] = [];
  let bars = 0;
  for await (const each of series) {
    if (batch.length > 0 && bars + each.prices.length > barsPerBatch) {
      yield batch;
      batch = [];
      bars = 0;
    }
    batch.push(each);
    bars += each.prices.length;
  }
  if (batch.length > 0) yield batch;
};

export type Plans = readonly (readonly [asset: number, SeriesPlan])[];

const present = <T>(items: readonly (T | undefined)[]): T[] => items.filter((item) => item !== undefined);

const planBatch = async (
  { query }: Pick<Transaction, 'query'>,
  series: readonly FetchedSeries[],
  { universe, assets, fetched, source, quarantineFactor }: StoreRequest,
  from: string,
): Promise<Plans> => {
  const withIds = series.map((each) => {
    const asset = assets.get(each.symbol);
    if (asset === undefined) throw new Error(`${each.symbol} has no row`);
    return [asset, each] as const;
  });
  const stored = await readStoredSeries(
    { query },
    withIds.map(([asset, { since = from }]) => ({ asset, from: since })),
  );
  const context = {
    source,
    interval: universe.interval,
    current: fetched.source === 'provider',
    quarantineFactor,
  };
  const turns = createTurns();
  const plans: (readonly [number, SeriesPlan])[] = [];
  for (const [asset, each] of withIds) {
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

/**
 * Writes what the plans say.
 * @returns the first day on which a split or dividend of another source was removed; null if there was none
 */
export const writePlans = async (
  { query }: Pick<Transaction, 'query'>,
  plans: Plans,
  {
    refreshId,
    universe,
    source,
  }: Pick<StoreRequest, 'refreshId' | 'source'> & {
    readonly universe: Pick<Universe, 'interval'>;
  },
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
  // Without a source, the recorded one stays.
  const firstRemoved = source === null ? null : await removeOtherActions({ query }, stored, source);
  await rescaleBefore(
    { query },
    listOf(({ rescaleBefore: factor }) => present([factor])),
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
  await query(
    `update asset set price_source = coalesce($2, price_source), price_interval = $3
     where id = any($1::int[]) and (price_source is distinct from $2 or price_interval is distinct from $3)`,
    [arrayLiteral(stored), source, universe.interval],
  );
  return firstRemoved;
};

/** Of all bars that were held back, so many are kept for the report of the refresh. Each row of a file of millions can be one. */
const maxKeptHeld = 1_000;

/** The result with the plans added. */
export const withPlans = (result: StoredResult, plans: Plans): StoredResult => ({
  prices: result.prices + plans.reduce((sum, [, plan]) => sum + plan.accepted, 0),
  quarantined: result.quarantined + plans.reduce((sum, [, plan]) => sum + plan.heldCount, 0),
  held:
    result.held.length >= maxKeptHeld
      ? result.held
      : [...result.held, ...plans.flatMap(([, { held }]) => held)].slice(0, maxKeptHeld),
  replaced: [...result.replaced, ...present(plans.map(([, { replaced }]) => replaced))],
  firstChanged: plans.map(([, plan]) => firstChangeOf(plan)).reduce(earlier, result.firstChanged),
  heldBack: [...result.heldBack, ...present(plans.map(([, { heldBack }]) => heldBack))],
});

/** Records which series were fetched as a whole, so that the next refreshes need only their ends. */
const markHistories = async (
  { query }: Pick<Transaction, 'query'>,
  series: readonly FetchedSeries[],
  plans: Plans,
  { universe, fetched }: StoreRequest,
): Promise<void> => {
  if (fetched.source !== 'provider') return;
  const whole = plans.filter(([, { accepted }], index) => series[index]!.since === undefined && accepted > 0);
  if (whole.length === 0) return;
  await query('update asset set history_from = $2, history_at = now() where id = any($1::int[])', [
    arrayLiteral(whole.map(([asset]) => asset)),
    universe.from,
  ]);
};

/** Compares the fetched series with the stored ones, and writes the differences. Prices that are not believed are listed. */
export const storeSeries = async (
  transaction: Pick<Transaction, 'query'>,
  request: StoreRequest,
): Promise<StoredResult> => {
  const from = firstDayOfPeriod(request.universe.from, request.universe.interval);
  let result = nothingStored;
  for await (const batch of batchesOf(request.fetched.series)) {
    const plans = await planBatch(transaction, batch, request, from);
    const removedActions = await writePlans(transaction, plans, request, from);
    await markHistories(transaction, batch, plans, request);
    const accepted = batch.flatMap((series, index) => {
      const [asset, plan] = plans[index]!;
      return plan.heldBack === undefined ? [{ ...series, asset, plan, from: series.since ?? from }] : [];
    });
    const changedActions = await storeFetchedActions(transaction, accepted, {
      interval: request.universe.interval,
      isCurrent: request.fetched.source === 'provider',
    });
    result = withPlans(result, plans);
    const firstAction = earlier(removedActions, changedActions);
    result = { ...result, firstChanged: earlier(firstAction, result.firstChanged) };
  }
  return result;
};
