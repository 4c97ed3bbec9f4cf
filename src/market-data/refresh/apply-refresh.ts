import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { FaultPoint } from '#src/kernel/catalogue/faults.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { withDeadline } from '../providers/deadline.ts';
import type { SeriesSource } from '../providers/series-sources.ts';
import { calculateIndexValues, type CalculatedIndexes } from '../indexes/calculate-index-values.ts';
import type { Universe } from '../indexes/universes.ts';
import { storeSeries } from '../series/store-series.ts';
import type { StoredResult } from '../series/stored-result.ts';
import { createRowCounter, type RowCounter } from '../uploads/row-error.ts';
import { createUploadStaging } from '../uploads/stage-upload.ts';
import { storeUpload } from '../uploads/store-upload.ts';
import type { StagedUpload } from '../uploads/upload.ts';
import type { RefreshEvents } from './refresh-events.ts';
import { claimRunning, markApplied, maxListedSeries, recordProgress, type RefreshCounts } from './refresh-records.ts';
import { leaveToOthers } from '../shared/shared-indexes.ts';
import type { RefreshRun, RefreshRunDeps } from './refresh-run-deps.ts';
import { removeFetchedSeries } from './fetch/fetched-series.ts';
import type { FetchedPrices } from './fetch/fetch-prices.ts';
import { ensureAssets } from './ensure/ensure-assets.ts';
import { inSpan } from './spans.ts';

export type RefreshProgress = {
  fetched: FetchedPrices | undefined;
  applying: boolean;
  stored: StoredResult | undefined;
  calculated: CalculatedIndexes | undefined;
  readonly rows: RowCounter;
};

export const noProgress = (): RefreshProgress => ({
  fetched: undefined,
  applying: false,
  stored: undefined,
  calculated: undefined,
  rows: createRowCounter(),
});

export type RunStep = <T>(name: string, point: FaultPoint, signal: AbortSignal, work: () => Promise<T>) => Promise<T>;

/** Runs a part of a refresh in its span, after the fault point. */
export const createRunStep =
  ({ faults }: Pick<RefreshRunDeps, 'faults'>): RunStep =>
  (name, point, signal, work) =>
    inSpan(`refresh.${name}`, {}, async () => {
      signal.throwIfAborted();
      await faults.reach(point, signal);
      return work();
    });

export type ApplyRefreshDeps = Pick<
  RefreshRunDeps,
  | 'unitOfWork'
  | 'universes'
  | 'applied'
  | 'jobs'
  | 'faults'
  | 'metrics'
  | 'clock'
  | 'timeouts'
  | 'quarantineFactor'
  | 'reader'
  | 'maxUploadRows'
  | 'maxRefusedRows'
> & { readonly events: RefreshEvents; readonly step: RunStep; readonly sourceOf: (universe: Universe) => SeriesSource };

/** Writes what a refresh has fetched, or the rows of its file, in one transaction. */
export const createApplyRefresh = (deps: ApplyRefreshDeps) => {
  const { unitOfWork, faults, metrics, clock, timeouts, quarantineFactor, events, step, sourceOf } = deps;
  const now = (): string => clock.now().toISOString();
  const stageUpload = createUploadStaging({
    faults,
    metrics,
    clock,
    maxRows: deps.maxUploadRows ?? Infinity,
    maxRefusedRows: deps.maxRefusedRows ?? Infinity,
    quarantineFactor,
  });
  const timeoutOf = (upload: RefreshRun['upload']): number =>
    upload ? Math.max(timeouts.uploadMs ?? 0, timeouts.applyMs) : timeouts.applyMs;

  /** Reads the file into the staging table of the transaction. */
  const stage = async (
    id: string,
    transaction: Transaction,
    { universe, upload, signal }: RefreshRun,
    { rows }: RefreshProgress,
  ): Promise<StagedUpload | undefined> => {
    if (!upload) return undefined;
    let reporting = false;
    const progress = (rowsRead: number): void => {
      if (reporting) return;
      reporting = true;
      // A progress that cannot be stored is no reason to refuse the file.
      void recordProgress(deps.reader, id, { rowsRead })
        .catch(() => {})
        .finally(() => (reporting = false));
    };
    // The statement timeout of the COPY does not end a read of the file that waits.
    const limit = { timeoutMs: timeoutOf(upload), code: 'database_timeout', outer: signal } as const;
    const staged = await withDeadline(limit, (limited) =>
      step('read_upload', 'upload.read', limited, () =>
        stageUpload(transaction, { universe, upload, signal: limited, progress }, rows),
      ),
    );
    // The splits of a file of adjusted prices are checked later, together with the stored splits.
    if (!staged.isAdjusted) upload.onAccepted();
    return staged;
  };

  const write = async (
    id: string,
    transaction: Transaction,
    { universe, signal: outer, upload, inApplyTransaction }: RefreshRun,
    {
      fetched,
      staged,
      progress,
    }: { fetched: FetchedPrices; staged: StagedUpload | undefined; progress: RefreshProgress },
  ): Promise<RefreshCounts> =>
    withDeadline({ timeoutMs: timeoutOf(upload), code: 'database_timeout', outer }, async (signal) => {
      progress.applying = true;
      if (!(await claimRunning(transaction, id))) {
        throw new AppError('database_unavailable', 'The lock of this universe was lost');
      }
      const sharedSymbols = await deps.universes.hold(transaction, universe);
      const ensured = await step('ensure_assets', 'refresh.ensure_assets', signal, () =>
        ensureAssets(transaction, universe),
      );
      const { assets } = ensured;
      const { prices, quarantined, replaced, heldBack, firstChanged } = await step(
        'store_prices',
        'refresh.store_prices',
        signal,
        async () => {
          const request = { refreshId: id, universe, assets, quarantineFactor, signal };
          progress.stored = staged
            ? await storeUpload(transaction, { ...request, staged, onAccepted: upload!.onAccepted })
            : await storeSeries(transaction, {
                ...request,
                fetched: { source: fetched.source, series: fetched.series() },
                source: sourceOf(universe),
              });
          await removeFetchedSeries(transaction, universe.name);
          return progress.stored;
        },
      );
      const calculated = await step('calculate_index_values', 'refresh.calculate_index_values', signal, () =>
        calculateIndexValues(transaction, ensured, universe, { from: firstChanged, sharedSymbols, signal }),
      );
      if (firstChanged !== null) {
        const changeable = staged
          ? [...staged.series.keys()].map((position) => universe.assets[position]!.symbol)
          : [...assets.keys()];
        const changed = { universe: universe.name, assets, symbols: changeable };
        await leaveToOthers(transaction, deps.jobs, { ...changed, refreshId: id });
      }
      const counts: RefreshCounts = {
        assets: ensured.assets.size,
        prices,
        index_values: calculated.values,
        quarantined,
        series_replaced: replaced.slice(0, maxListedSeries),
        series_held_back: heldBack.slice(0, maxListedSeries),
        rows_written: prices,
        ...(staged
          ? { rows_read: staged.rows_read, errors: staged.errors, errors_total: staged.errors_total }
          : { rows_read: fetched.bars, errors: [], errors_total: 0 }),
      };
      const at = now();
      progress.calculated = calculated;
      await markApplied(transaction, id, { counts, at });
      await events.applied(transaction, { id, universe: universe.name, counts, at });
      await inApplyTransaction?.(transaction);
      await deps.applied?.(transaction, universe);
      await faults.reach('refresh.commit', signal);
      return counts;
    });

  return (id: string, run: RefreshRun, fetched: FetchedPrices, progress: RefreshProgress): Promise<RefreshCounts> => {
    // A file arrives only once.
    const options = {
      operation: 'refresh.apply',
      // The COPY of a file lasts as long as the file arrives.
      statementTimeoutMs: run.upload ? timeoutOf(run.upload) : (timeouts.statementMs ?? timeouts.applyMs),
      mayRepeat: run.upload === undefined,
    } as const;
    return unitOfWork.run(options, async (transaction) => {
      const staged = await stage(id, transaction, run, progress);
      return write(id, transaction, run, { fetched, staged, progress });
    });
  };
};
