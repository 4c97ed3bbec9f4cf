import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { createTurns, runInTurns } from '#src/kernel/streams/turns.ts';
import type { Universe } from '../indexes/universes.ts';
import { isOfOther, planSeries, replaceSeries } from '../series/plan-series.ts';
import { firstDayOfPeriod, lastDayOfPeriod } from '../series/periods.ts';
import type { SeriesSource } from '../providers/series-sources.ts';
import type { SeriesOrigin, SeriesPlan } from '../series/series-plan.ts';
import { batchesOf } from '../series/stored/batches.ts';
import { maxBarsOfSeries } from '../series/max-bars.ts';
import { assertSeriesLengths, countStoredBars } from '../series/stored/series-sizes.ts';
import { noDays, readOrigins, readStoredRanges, type SeriesRange } from '../series/stored/stored-series.ts';
import { earlier, minDay, nothingStored, withPlans, type Plans, type StoredResult } from '../series/stored-result.ts';
import { removeOtherActions } from '../series/fetched-actions.ts';
import { writePlans } from '../series/write/write-plans.ts';
import { removeSeries } from '../series/write/write-series.ts';
import { arrayLiteral } from '../sql.ts';
import { holdActions } from './held-days.ts';
import { storeActions } from './store-actions.ts';
import { readStaged } from './read-staged.ts';
import { refused } from './refusals.ts';
import type { UploadedSeries } from './series-check.ts';
import { unadjustUpload } from './splits/unadjust-upload.ts';
import { stagingTable, type StagedUpload } from './upload.ts';

// SQL: the rows of a file are compared with the stored ones and written as sets.

type Query = Pick<Transaction, 'query'>;

export type StoreUploadRequest = {
  readonly refreshId: string;
  readonly universe: Pick<Universe, 'interval' | 'assets'>;
  /** Database ids by symbol. */
  readonly assets: ReadonlyMap<string, number>;
  readonly staged: StagedUpload;
  readonly quarantineFactor: number;
  /** Ends the work with its reason between two series or batches. */
  readonly signal?: AbortSignal;
  /** Called when the rows of the file are not refused any more. */
  readonly onAccepted: () => void;
};

/** A series of the file: its position in the universe, its symbol, and its database id. */
type Series = UploadedSeries & { readonly position: number; readonly symbol: string; readonly id: number };

const source = 'upload';
/** Prices of uploads are stored as they were traded, and files have actions. */
const isAdjusted = (): boolean => false;

/** The sources of those of the ids that have stored prices. */
const storedSources = async (
  { query }: Query,
  ids: readonly number[],
): Promise<ReadonlyMap<number, SeriesSource | null>> => {
  const rows = await query<{ id: number; source: SeriesSource | null }>(
    `select id, price_source as source from asset
     where id = any($1::int[]) and exists (select 1 from price where asset_id = asset.id)`,
    [arrayLiteral(ids)],
  );
  return new Map(rows.map(({ id, source: known }) => [id, known]));
};

/** Writes series that need no comparison, without reading their rows into this process. */
const writePlain = async (
  { query }: Query,
  series: readonly Series[],
  { universe }: StoreUploadRequest,
): Promise<void> => {
  if (series.length === 0) return;
  const ids = arrayLiteral(series.map(({ id }) => id));
  await query(
    `insert into price (asset_id, date, open, high, low, close, volume)
     select id, date, open, high, low, close, volume from ${stagingTable}
     join unnest($1::int[], $2::int[]) as chosen (position, id) on asset = position`,
    [arrayLiteral(series.map(({ position }) => position)), ids],
  );
  await query(
    `update asset set price_source = $2, price_interval = $3
     where id = any($1::int[]) and (price_source is distinct from $2 or price_interval is distinct from $3)`,
    [ids, source, universe.interval],
  );
};

const rangeOf = ({ id, firstDate, lastDate }: Series, { universe }: StoreUploadRequest): SeriesRange => ({
  asset: id,
  first: firstDayOfPeriod(firstDate, universe.interval),
  last: lastDayOfPeriod(lastDate, universe.interval),
});

/** A series of the file with the stored one: where its prices come from, and the stored days that the plan compares. */
type ComparedSeries = Series & { readonly origin: SeriesOrigin; readonly compared: SeriesRange };

const tooLong = (symbol: string) =>
  refused(
    `The series of ${symbol} would have more than ${maxBarsOfSeries} rows, so nothing was stored. mode=replace replaces what is stored`,
  );

/** Rows that replace what is stored are compared only with each other. */
const compareSeries = async (
  transaction: Query,
  series: readonly Series[],
  request: StoreUploadRequest,
): Promise<ComparedSeries[]> => {
  const { universe, staged } = request;
  const origins = await readOrigins(
    transaction,
    series.map(({ id }) => id),
  );
  return series.map((each): ComparedSeries => {
    const origin = origins.get(each.id)!;
    const isReplaced = staged.mode === 'replace' || isOfOther(origin, { source, interval: universe.interval });
    const range = rangeOf(each, request);
    return { ...each, origin, compared: isReplaced ? { ...range, ...noDays } : range };
  });
};

/** Compares series with what is stored, as a refresh does. */
const planBatch = async (
  transaction: Query,
  series: readonly ComparedSeries[],
  request: StoreUploadRequest,
): Promise<{ readonly plans: Plans; readonly heldDays: number }> => {
  const { universe, staged, quarantineFactor } = request;
  const turns = createTurns({ signal: request.signal });
  const bars = await readStaged(
    transaction,
    series.map(({ position }) => position),
    turns,
  );
  const stored = await readStoredRanges(
    transaction,
    series.map(({ compared }) => compared),
    new Map(series.map(({ id, origin }) => [id, origin])),
    turns,
  );
  const planOf = async (each: Series): Promise<SeriesPlan> => {
    const known = stored.get(each.id)!;
    const context = {
      source,
      interval: universe.interval,
      current: true,
      quarantineFactor,
      isPart: known.hasMore,
    } as const;
    const fetched = { symbol: each.symbol, prices: bars.get(each.position)! };
    if (staged.mode === 'merge') return runInTurns(planSeries(fetched, known, context), turns);
    const plan = await runInTurns(replaceSeries(fetched, context), turns);
    // The caller has asked for it, so it is reported only if the source is another one.
    const isOther = known.origin.source !== null && known.origin.source !== source;
    return isOther ? plan : { ...plan, replaced: undefined };
  };
  const plans: (readonly [number, SeriesPlan])[] = [];
  for (const each of series) {
    plans.push([each.id, await planOf(each)]);
    await turns.give();
  }
  const planned = series.map(({ position }, index) => {
    const [, plan] = plans[index]!;
    return { position, bars: bars.get(position)!, plan };
  });
  return { plans, heldDays: staged.actions.length === 0 ? 0 : await holdActions(transaction, planned, turns) };
};

/**
 * Makes the staged rows part of the series. Series that need no comparison, because nothing is stored or because the file
 * replaces them, are written by one statement. The others are compared in batches. Prices that are not believed are
 * listed.
 */
export const storeUpload = async (transaction: Query, request: StoreUploadRequest): Promise<StoredResult> => {
  const { universe, assets, staged } = request;
  const all = [...staged.series].map(([position, uploaded]): Series => {
    const { symbol } = universe.assets[position]!;
    const id = assets.get(symbol);
    if (id === undefined) throw new Error(`${symbol} has no row`);
    return { ...uploaded, position, symbol, id };
  });
  const stored = await storedSources(
    transaction,
    all.map(({ id }) => id),
  );
  if (staged.isAdjusted) {
    const series = all.map((each) => ({ ...rangeOf(each, request), position: each.position }));
    await unadjustUpload(transaction, staged, series);
  }
  request.onAccepted();
  request.signal?.throwIfAborted();
  const replaces = staged.mode === 'replace';
  const isPlain = ({ id, isPlain: ordered }: Series): boolean => ordered && (replaces || !stored.has(id));
  const plain = all.filter(isPlain);
  const replaced = plain.filter(({ id }) => stored.has(id));
  const emptied = replaced.map(({ id }) => id);
  await removeSeries(transaction, emptied);
  await removeOtherActions(transaction, { assets: emptied, adjusted: [], source });
  await writePlain(transaction, plain, request);
  let result: StoredResult = {
    ...nothingStored,
    replaced: replaced
      .filter(({ id }) => (stored.get(id) ?? source) !== source)
      .map(({ symbol }) => ({ symbol, reason: 'source_changed' })),
    prices: plain.reduce((sum, { rows }) => sum + rows, 0),
    firstChanged: replaced.length > 0 ? minDay : plain.map(({ firstDate }) => firstDate).reduce(earlier, null),
  };

  const others = all.filter((series) => !isPlain(series));
  const accepted: Series[] = [...plain];
  if (others.length > 0) {
    await transaction.query(`create index on ${stagingTable} (asset)`);
    await transaction.query(`analyze ${stagingTable}`);
  }
  let heldDays = 0;
  const compared = await compareSeries(transaction, others, request);
  const counts = await countStoredBars(
    transaction,
    compared.map((each) => each.compared),
    tooLong,
  );
  // Two rows of a file can have all stored bars of a series between them, so these limit a batch too.
  for await (const batch of batchesOf(compared, ({ id, rows }) => rows + (counts.get(id) ?? 0))) {
    request.signal?.throwIfAborted();
    const { plans, heldDays: heldOfBatch } = await planBatch(transaction, batch, request);
    const written = { ...request, source, isAdjusted, listed: result.listed } as const;
    const removedActions = await writePlans(transaction, plans, written, minDay);
    await assertSeriesLengths(
      transaction,
      batch.map(({ id }) => id),
      tooLong,
    );
    heldDays += heldOfBatch;
    result = withPlans(result, plans);
    result = { ...result, firstChanged: earlier(removedActions, result.firstChanged) };
    batch.forEach((series, index) => {
      if (plans[index]![1].heldBack === undefined) accepted.push(series);
    });
  }
  request.signal?.throwIfAborted();
  const changedActions = await storeActions(
    transaction,
    { ...staged, hasHeldDays: heldDays > 0 },
    accepted.map((series) => ({ ...rangeOf(series, request), position: series.position })),
  );
  return { ...result, firstChanged: earlier(changedActions, result.firstChanged) };
};
