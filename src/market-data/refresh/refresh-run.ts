import { isSpanContextValid, trace } from '@opentelemetry/api';
import type { Span } from '@opentelemetry/api';
import { orAbort } from '#src/kernel/abort.ts';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { AppError, codeOf, errorTable } from '#src/kernel/catalogue/errors.ts';
import type { Faults } from '#src/kernel/catalogue/faults.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { assertOutsideTransaction } from '#src/kernel/ports/unit-of-work.ts';
import type { Reader, Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { Announce } from '#src/kernel/ports/webhooks.ts';
import { withDeadline } from '../providers/deadline.ts';
import { assertFetched } from '../providers/provider.ts';
import type { FetchedUniverse, MarketDataProvider } from '../providers/provider.ts';
import type { SeriesSource } from '../providers/series-sources.ts';
import { createApplyRefresh, createRunStep, noProgress, type RefreshProgress } from './apply-refresh.ts';
import { createRefreshEvents } from './refresh-events.ts';
import { countFailedRefresh } from './refresh-failure.ts';
import { beginQueued, closeRunning, hasSucceeded, insertRunning, recordOutcome } from './refresh-records.ts';
import type { Outcome, RefreshRecord, RefreshTrigger } from './refresh-records.ts';
import { createRefreshReports } from './refresh-reports.ts';
import { failSpan, inSpan } from './spans.ts';
import type { Universe } from '../indexes/universes.ts';
import type { Upload } from '../uploads/upload.ts';
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
  /** Timeouts of the fetch, of the transaction that writes the rows, and of the read of a file. */
  readonly timeouts: { readonly fetchMs: number; readonly applyMs: number; readonly uploadMs?: number };
  /** Max rows of an uploaded file. Default: no limit. */
  readonly maxUploadRows?: number;
  /** Stores the progress of uploads, outside of their transaction. */
  readonly reader: Reader;
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
  /** The prices come from this file in place of the source of the universe. */
  readonly upload?: Upload | undefined;
};

/** Runs one refresh, from its record to its outcome. The caller must hold the lock of the universe. */
export const createRefreshRun = (deps: RefreshRunDeps) => {
  const { unitOfWork, provider, metrics, clock, logger, ids, timeouts, committed } = deps;
  const providers = deps.providers ?? { [provider.source]: provider };
  const now = (): string => clock.now().toISOString();
  const events = createRefreshEvents(deps.audit, deps.announce);
  const step = createRunStep(deps);
  const { report, reportRows, reportSeries } = createRefreshReports(deps);

  const sourceOf = ({ source = 'provider' }: Universe): SeriesSource =>
    source === 'provider' ? provider.source : source;

  const apply = createApplyRefresh({ ...deps, events, step, sourceOf });

  const providerOf = (universe: Universe): MarketDataProvider => {
    const source = sourceOf(universe);
    const found = universe.source === undefined || universe.source === 'provider' ? provider : providers[source];
    if (found) return found;
    throw new AppError('external_api_unavailable', `This process is not configured for the source ${source}`);
  };

  const fetch = ({ universe, trigger, signal: outer, upload }: RefreshRun): Promise<FetchedUniverse> =>
    withDeadline({ timeoutMs: timeouts.fetchMs, code: 'external_api_timeout', outer }, async (signal) => {
      if (upload) return { source: 'upload' as const, series: [] };
      return step('fetch', 'provider.fetch', signal, async () => {
        assertOutsideTransaction('Fetching market data');
        // There is nothing to fetch for uploaded prices. The refresh calculates the indexes from what is stored.
        if (sourceOf(universe) === 'upload') return { source: 'upload' as const, series: [] };
        const fallback = trigger === 'schedule' || trigger === 'startup';
        const fetched = await orAbort(providerOf(universe).fetch(universe, signal, { fallback }), signal);
        assertFetched(universe, fetched);
        return fetched;
      });
    });

  const failure = (error: unknown, { fetched, applying, rowErrors }: RefreshProgress): Outcome => {
    const reason = codeOf(error);
    return {
      status: applying ? 'rolled_back' : 'failed',
      reason,
      detail: error instanceof AppError ? error.message : errorTable[reason].title,
      source: fetched?.source ?? null,
      at: now(),
      rowErrors: rowErrors.list(),
    };
  };

  const attempt = async (id: string, run: RefreshRun, span: Span): Promise<Outcome> => {
    const progress = noProgress();
    try {
      progress.fetched = await fetch(run);
      await apply(id, run, progress.fetched, progress);
      if (progress.stored) reportSeries(id, run.universe, progress.stored);
      if (run.upload) reportRows(progress.stored, progress.rowErrors.list());
      return { status: 'succeeded', reason: null, detail: null, source: progress.fetched.source, at: now() };
    } catch (error) {
      failSpan(span, error);
      if (run.upload) reportRows(undefined, progress.rowErrors.list());
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
