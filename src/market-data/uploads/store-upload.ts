import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { createTurns, runInTurns } from '#src/kernel/streams/turns.ts';
import type { Universe } from '../indexes/universes.ts';
import type { PriceBar } from '../providers/provider.ts';
import { planSeries, replaceSeries } from '../series/plan-series.ts';
import { firstDayOfPeriod, lastDayOfPeriod } from '../series/periods.ts';
import type { SeriesSource } from '../providers/series-sources.ts';
import type { SeriesPlan } from '../series/series-plan.ts';
import {
  earlier,
  minDay,
  nothingStored,
  withPlans,
  writePlans,
  type Plans,
  type StoredResult,
} from '../series/store-series.ts';
import { readStoredRanges, type SeriesRange } from '../series/stored-series.ts';
import { removeOtherActions } from '../series/fetched-actions.ts';
import { removeSeries } from '../series/write-series.ts';
import { arrayLiteral } from '../sql.ts';
import { holdActions } from './held-days.ts';
import { storeActions } from './store-actions.ts';
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

/** Limits the memory and the work in one turn of the event loop: the rows of one batch of series are in memory at a time. */
const rowsPerBatch = 2_000;

const source = 'upload';

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

const batchesOf = (series: readonly Series[]): Series[][] => {
  const batches: Series[][] = [];
  let rows = Infinity;
  for (const each of series) {
    if (rows + each.rows > rowsPerBatch) {
      batches.push([]);
      rows = 0;
    }
    batches.at(-1)!.push(each);
    rows += each.rows;
  }
  return batches;
};

const readStaged = async ({ query }: Query, series: readonly Series[]): Promise<ReadonlyMap<number, PriceBar[]>> => {
  const bars = new Map<number, PriceBar[]>(series.map(({ position }) => [position, []]));
  const rows = await query<PriceBar & { readonly asset: number }>(
    `select asset, date, open, high, low, close, volume, split_factor as "splitFactor" from ${stagingTable}
     where asset = any($1::int[]) order by asset, date, line`,
    [arrayLiteral(series.map(({ position }) => position))],
  );
  for (const { asset, ...bar } of rows) bars.get(asset)?.push(bar);
  return bars;
};

const rangeOf = ({ id, firstDate, lastDate }: Series, { universe }: StoreUploadRequest): SeriesRange => ({
  asset: id,
  first: firstDayOfPeriod(firstDate, universe.interval),
  last: lastDayOfPeriod(lastDate, universe.interval),
});

/** Compares series with what is stored, as a refresh does. */
const planBatch = async (
  transaction: Query,
  series: readonly Series[],
  request: StoreUploadRequest,
): Promise<{ readonly plans: Plans; readonly heldDays: number }> => {
  const { universe, staged, quarantineFactor } = request;
  const bars = await readStaged(transaction, series);
  const stored = await readStoredRanges(
    transaction,
    series.map((each) => rangeOf(each, request)),
  );
  const turns = createTurns({ signal: request.signal });
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
  return { plans, heldDays: staged.actions.length === 0 ? 0 : await holdActions(transaction, planned) };
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
  await removeOtherActions(transaction, emptied, source);
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
  const accepted = new Set(plain);
  if (others.length > 0) {
    await transaction.query(`create index on ${stagingTable} (asset)`);
    await transaction.query(`analyze ${stagingTable}`);
  }
  let heldDays = 0;
  for (const batch of batchesOf(others)) {
    request.signal?.throwIfAborted();
    const { plans, heldDays: heldOfBatch } = await planBatch(transaction, batch, request);
    const removedActions = await writePlans(transaction, plans, { ...request, source }, minDay);
    heldDays += heldOfBatch;
    result = withPlans(result, plans);
    result = { ...result, firstChanged: earlier(removedActions, result.firstChanged) };
    batch.forEach((series, index) => {
      if (plans[index]![1].heldBack === undefined) accepted.add(series);
    });
  }
  request.signal?.throwIfAborted();
  const changedActions = await storeActions(
    transaction,
    { ...staged, hasHeldDays: heldDays > 0 },
    [...accepted].map((series) => ({ ...rangeOf(series, request), position: series.position })),
  );
  return { ...result, firstChanged: earlier(changedActions, result.firstChanged) };
};
