import { isSpanContextValid, trace } from '@opentelemetry/api';
import type { Span } from '@opentelemetry/api';
import { orAbort } from '#src/kernel/abort.ts';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { AppError, codeOf, errorTable } from '#src/kernel/catalogue/errors.ts';
import type { FaultPoint, Faults } from '#src/kernel/catalogue/faults.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { assertOutsideTransaction } from '#src/kernel/ports/unit-of-work.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { Announce } from '#src/kernel/ports/webhooks.ts';
import { withDeadline } from '../providers/deadline.ts';
import { assertFetched } from '../providers/provider.ts';
import type { FetchedUniverse, MarketDataProvider } from '../providers/provider.ts';
import type { SeriesSource } from '../providers/series-sources.ts';
import { createRefreshEvents } from './refresh-events.ts';
import { countFailedRefresh } from './refresh-failure.ts';
import {
  beginQueued,
  claimRunning,
  closeRunning,
  hasSucceeded,
  insertRunning,
  markApplied,
  maxListedSeries,
  recordOutcome,
} from './refresh-records.ts';
import type { Outcome, RefreshCounts, RefreshRecord, RefreshTrigger } from './refresh-records.ts';
import { ensureAssets } from './refresh-steps.ts';
import { reportIndexes } from './report-indexes.ts';
import { calculateIndexValues, type CalculatedIndexes } from '../indexes/calculate-index-values.ts';
import { storeSeries, type StoredResult } from '../series/store-series.ts';
import { failSpan, inSpan } from './spans.ts';
import type { Universe } from '../indexes/universes.ts';
import type { Universes } from '../universes/universes-port.ts';

export type RefreshRunDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly audit: AuditTrail;
  /** Receives each ending in the transaction that records it. */
  readonly announce?: Announce | undefined;
  /** The provider of universes with the source `provider`. */
  readonly provider: MarketDataProvider;
  /** Providers of universes that name their source. Default: `provider` alone. */
  readonly providers?: Partial<Readonly<Record<SeriesSource, MarketDataProvider>>>;
  readonly faults: Faults;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ids: () => string;
  /** Called after the commit and before the caller gets the ended record. It brings the caches up to date. */
  readonly committed: (universe: Universe) => Promise<void>;
  readonly universes: Universes;
  /** A price, or a whole series, that changes by more than this factor, up or down, is held back. */
  readonly quarantineFactor: number;
  /** Timeouts of the fetch and of the transaction that writes the rows. */
  readonly timeouts: { readonly fetchMs: number; readonly applyMs: number };
};

export type RefreshRun = {
  readonly universe: Universe;
  readonly trigger: RefreshTrigger;
  readonly signal: AbortSignal;
  /** Id of a queued record. The run uses this record in place of a new one. */
  readonly queuedId?: string | undefined;
  /** True if the caller waits for the end. The run is then part of the caller's trace, else of a new linked trace. */
  readonly waited: boolean;
  /** Called with the running record after it is stored. */
  readonly onRecorded: (record: RefreshRecord) => void;
  /** Called in the transaction that stores the record, for writes that must be committed together with it. */
  readonly inRecordTransaction?: ((transaction: Transaction, record: RefreshRecord) => Promise<void>) | undefined;
};

type Progress = {
  fetched: FetchedUniverse | undefined;
  applying: boolean;
  stored: StoredResult | undefined;
  calculated: CalculatedIndexes | undefined;
};

const maxQuarantinedInLog = 5;

/** Runs one refresh, from its record to its outcome. The caller must hold the lock of the universe. */
export const createRefreshRun = (deps: RefreshRunDeps) => {
  const { unitOfWork, provider, faults, metrics, clock, logger, ids, timeouts, committed, quarantineFactor } = deps;
  const providers = deps.providers ?? { [provider.source]: provider };
  const now = (): string => clock.now().toISOString();
  const events = createRefreshEvents(deps.audit, deps.announce);

  const step = <T>(name: string, point: FaultPoint, signal: AbortSignal, work: () => Promise<T>): Promise<T> =>
    inSpan(`refresh.${name}`, {}, async () => {
      signal.throwIfAborted();
      await faults.reach(point, signal);
      return work();
    });

  const sourceOf = ({ source = 'provider' }: Universe): SeriesSource =>
    source === 'provider' ? provider.source : source;

  const providerOf = (universe: Universe): MarketDataProvider => {
    const source = sourceOf(universe);
    const found = universe.source === undefined || universe.source === 'provider' ? provider : providers[source];
    if (found) return found;
    throw new AppError('external_api_unavailable', `This process is not configured for the source ${source}`);
  };

  const fetch = ({ universe, trigger, signal: outer }: RefreshRun): Promise<FetchedUniverse> =>
    withDeadline({ timeoutMs: timeouts.fetchMs, code: 'external_api_timeout', outer }, (signal) =>
      step('fetch', 'provider.fetch', signal, async () => {
        assertOutsideTransaction('Fetching market data');
        // There is nothing to fetch for uploaded prices. The refresh calculates the indexes from what is stored.
        if (sourceOf(universe) === 'upload') return { source: 'upload' as const, series: [] };
        const fallback = trigger === 'schedule' || trigger === 'startup';
        const fetched = await orAbort(providerOf(universe).fetch(universe, signal, { fallback }), signal);
        assertFetched(universe, fetched);
        return fetched;
      }),
    );

  const apply = (
    id: string,
    { universe, signal: outer }: RefreshRun,
    fetched: FetchedUniverse,
    progress: Progress,
  ): Promise<RefreshCounts> =>
    unitOfWork.run({ operation: 'refresh.apply', statementTimeoutMs: timeouts.applyMs }, (transaction) =>
      withDeadline({ timeoutMs: timeouts.applyMs, code: 'database_timeout', outer }, async (signal) => {
        progress.applying = true;
        if (!(await claimRunning(transaction, id))) {
          throw new AppError('database_unavailable', 'The lock of this universe was lost');
        }
        const sharedSymbols = await deps.universes.hold(transaction, universe);
        const ensured = await step('ensure_assets', 'refresh.ensure_assets', signal, () =>
          ensureAssets(transaction, universe),
        );
        const { prices, quarantined, replaced, heldBack, firstChanged } = await step(
          'store_prices',
          'refresh.store_prices',
          signal,
          async () => {
            const { assets } = ensured;
            const source = sourceOf(universe);
            const request = { refreshId: id, universe, assets, fetched, source, quarantineFactor };
            return (progress.stored = await storeSeries(transaction, request));
          },
        );
        const calculated = await step('calculate_index_values', 'refresh.calculate_index_values', signal, () =>
          calculateIndexValues(transaction, ensured, universe, { from: firstChanged, sharedSymbols }),
        );
        const counts = {
          assets: ensured.assets.size,
          prices,
          index_values: calculated.values,
          quarantined,
          series_replaced: replaced.slice(0, maxListedSeries),
          series_held_back: heldBack.slice(0, maxListedSeries),
        };
        const at = now();
        progress.calculated = calculated;
        await markApplied(transaction, id, { counts, at });
        await events.applied(transaction, { id, universe: universe.name, counts, at });
        await faults.reach('refresh.commit', signal);
        return counts;
      }),
    );

  const failure = (error: unknown, { fetched, applying }: Progress): Outcome => {
    const reason = codeOf(error);
    return {
      status: applying ? 'rolled_back' : 'failed',
      reason,
      detail: error instanceof AppError ? error.message : errorTable[reason].title,
      source: fetched?.source ?? null,
      at: now(),
    };
  };

  const reportSeries = (id: string, { name: universe }: Universe, stored: StoredResult): void => {
    const { quarantined, held, replaced, heldBack } = stored;
    if (replaced.length > 0) {
      for (const { reason } of replaced) metrics.count('volwatch_series_replaced_total', { reason });
      logger.warn(
        { universe, refresh_id: id, replaced: replaced.length, series: replaced.slice(0, maxListedSeries) },
        'the stored history of series was replaced: see docs/market-data.md#restated-history',
      );
    }
    if (quarantined === 0) return;
    metrics.count('volwatch_prices_quarantined_total', { universe }, quarantined);
    logger.error(
      {
        universe,
        refresh_id: id,
        quarantined,
        first: held.slice(0, maxQuarantinedInLog),
        series: heldBack.slice(0, maxListedSeries),
      },
      'prices that are not believed were held back: see docs/market-data.md#quarantine',
    );
  };

  const attempt = async (id: string, run: RefreshRun, span: Span): Promise<Outcome> => {
    const progress: Progress = { fetched: undefined, applying: false, stored: undefined, calculated: undefined };
    try {
      progress.fetched = await fetch(run);
      await apply(id, run, progress.fetched, progress);
      if (progress.stored) reportSeries(id, run.universe, progress.stored);
      if (progress.calculated) reportIndexes(deps, { id, universe: run.universe.name }, progress.calculated);
      return { status: 'succeeded', reason: null, detail: null, source: progress.fetched.source, at: now() };
    } catch (error) {
      failSpan(span, error);
      const outcome = failure(error, progress);
      // Only an error that is not in the error table needs its stack. The code explains the others.
      const level = outcome.reason === 'internal_error' ? 'error' : 'warn';
      logger[level](
        { universe: run.universe.name, refresh_id: id, code: outcome.reason, err: error },
        'refresh failed',
      );
      return outcome;
    }
  };

  const report = (record: RefreshRecord, outcome: Outcome, startedAt: number): void => {
    const { universe, status } = record;
    // If another process has closed the record, the metric shows the status of the record.
    const label = status === 'running' ? outcome.status : status;
    const seconds = (clock.monotonic() - startedAt) / 1000;
    metrics.observe('volwatch_refresh_duration_seconds', { universe, outcome: label }, seconds);
    if (!hasSucceeded(label)) return;
    for (const kind of ['assets', 'prices', 'index_values'] as const) {
      metrics.count('volwatch_refresh_rows_total', { kind }, record[kind]);
    }
    metrics.set('volwatch_refresh_last_success_timestamp_seconds', { universe }, clock.now().getTime() / 1000);
    logger.info({ universe, refresh_id: record.id, prices: record.prices }, 'refresh succeeded');
  };

  /** @throws AppError of category database if the record or its outcome cannot be stored */
  return (run: RefreshRun): Promise<RefreshRecord> => {
    const caller = trace.getActiveSpan()?.spanContext();
    const detached = { root: true, links: caller ? [{ context: caller }] : [] };
    const attributes = { 'refresh.universe': run.universe.name, 'refresh.trigger': run.trigger };
    return inSpan('refresh.run', { attributes, ...(run.waited ? {} : detached) }, async (span) => {
      const startedAt = clock.monotonic();
      const spanContext = span.spanContext();
      const start = {
        started_at: now(),
        trace_id: isSpanContextValid(spanContext) ? spanContext.traceId : null,
        universe_version: run.universe.version ?? null,
      };
      let dangling: readonly RefreshRecord[] = [];
      const recorded = await unitOfWork.run({ operation: 'refresh.record' }, async (transaction) => {
        dangling = await closeRunning(transaction, run.universe.name, now());
        for (const closed of dangling) await events.ended(transaction, closed);
        const queued = run.queuedId && (await beginQueued(transaction, { id: run.queuedId, ...start }));
        if (queued) {
          await events.started(transaction, queued);
          return queued;
        }
        const inserted = await insertRunning(transaction, {
          id: ids(),
          universe: run.universe.name,
          trigger: run.trigger,
          ...start,
        });
        await events.started(transaction, inserted);
        await run.inRecordTransaction?.(transaction, inserted);
        return inserted;
      });
      for (const closed of dangling) countFailedRefresh(metrics, closed);
      run.onRecorded(recorded);
      const { id } = recorded;
      const outcome = await attempt(id, run, span);
      const finished = unitOfWork.run({ operation: 'refresh.finish' }, async (transaction) => {
        const { record: stored, ended } = await recordOutcome(transaction, id, outcome);
        if (ended) await events.ended(transaction, stored);
        return { stored, ended };
      });
      // The caches are updated even if the outcome cannot be recorded, because the rows are committed.
      const status = await finished.then(
        ({ stored }) => stored.status,
        () => outcome.status,
      );
      if (hasSucceeded(status)) await committed(run.universe);
      const { stored: record, ended } = await finished;
      if (ended) countFailedRefresh(metrics, record);
      span.setAttribute('refresh.outcome', record.status);
      report(record, outcome, startedAt);
      return record;
    });
  };
};
