import { isSpanContextValid, trace } from '@opentelemetry/api';
import type { Span } from '@opentelemetry/api';
import { orAbort } from '#src/kernel/abort.ts';
import { AppError, codeOf, errorTable } from '#src/kernel/catalogue/errors.ts';
import { assertOutsideTransaction } from '#src/kernel/ports/unit-of-work.ts';
import { withDeadline } from '../providers/deadline.ts';
import type { MarketDataProvider } from '../providers/provider.ts';
import type { SeriesSource } from '../providers/series-sources.ts';
import { createApplyRefresh, createRunStep, noProgress, type RefreshProgress } from './apply-refresh.ts';
import { createFetchPrices, noFetchedPrices, type FetchedPrices, type FetchProgress } from './fetch/fetch-prices.ts';
import { createRefreshEvents } from './refresh-events.ts';
import { countFailedRefresh } from './refresh-failure.ts';
import {
  beginQueued,
  closeRunning,
  hasSucceeded,
  insertRunning,
  recordOutcome,
  recordProgress,
} from './refresh-records.ts';
import type { Outcome, RefreshRecord } from './refresh-records.ts';
import type { RefreshRun, RefreshRunDeps } from './refresh-run-deps.ts';
import { createRefreshReports } from './refresh-reports.ts';
import { reportIndexes } from '../indexes/report-indexes.ts';
import { failSpan } from '#src/kernel/spans.ts';
import { inSpan } from './spans.ts';
import type { Universe } from '../indexes/universes.ts';

/** Runs one refresh, from its record to its outcome. The caller must hold the lock of the universe. */
export const createRefreshRun = (deps: RefreshRunDeps) => {
  const { unitOfWork, provider, metrics, clock, logger, ids, timeouts, committed } = deps;
  const providers = deps.providers ?? { [provider.source]: provider };
  const now = (): string => clock.now().toISOString();
  const events = createRefreshEvents(deps.audit, deps.announce);
  const step = createRunStep(deps);
  const { report, reportRows, reportSeries, reportUpload } = createRefreshReports(deps);

  const sourceOf = ({ source = 'provider' }: Universe): SeriesSource =>
    source === 'provider' ? provider.source : source;

  const fetchPrices = createFetchPrices({
    ...deps,
    historyDays: deps.historyDays ?? 0,
    maxWaitMs: timeouts.creditsMs,
  });
  const fetchMs = Math.max(timeouts.fetchMs, timeouts.creditsMs ?? 0);

  const apply = createApplyRefresh({ ...deps, events, step, sourceOf });

  const providerOf = (universe: Universe): MarketDataProvider => {
    const source = sourceOf(universe);
    const found = universe.source === undefined || universe.source === 'provider' ? provider : providers[source];
    if (found) return found;
    throw new AppError('external_api_unavailable', `This process is not configured for the source ${source}`);
  };

  const fetch = (id: string, { universe, trigger, signal: outer, upload }: RefreshRun): Promise<FetchedPrices> =>
    withDeadline({ timeoutMs: fetchMs, code: 'external_api_timeout', outer }, async (signal) => {
      if (upload) return noFetchedPrices;
      return step('fetch', 'provider.fetch', signal, async () => {
        assertOutsideTransaction('Fetching market data');
        // There is nothing to fetch for uploaded prices. The refresh calculates the indexes from what is stored.
        if (sourceOf(universe) === 'upload') return noFetchedPrices;
        const fallback = trigger === 'schedule' || trigger === 'startup';
        // A progress that cannot be stored is no reason to stop.
        const progress = ({ assets, bars }: FetchProgress): Promise<void> =>
          recordProgress(deps.reader, id, { rowsRead: bars, assets }).catch(() => {});
        return orAbort(fetchPrices({ provider: providerOf(universe), universe, signal, fallback, progress }), signal);
      });
    });

  const failure = (
    error: unknown,
    upload: RefreshRun['upload'],
    { fetched, applying, rows }: RefreshProgress,
  ): Outcome => {
    const reason = codeOf(error);
    return {
      status: applying ? 'rolled_back' : 'failed',
      reason,
      detail: error instanceof AppError ? error.message : errorTable[reason].title,
      source: fetched?.source ?? null,
      at: now(),
      ...(upload && { rows: rows.counts() }),
    };
  };

  const attempt = async (id: string, run: RefreshRun, span: Span): Promise<Outcome> => {
    const progress = noProgress();
    try {
      progress.fetched = await fetch(id, run);
      await apply(id, run, progress.fetched, progress);
      if (progress.stored) reportSeries(id, run.universe, progress.stored);
      if (progress.calculated) reportIndexes(deps, { id, universe: run.universe.name }, progress.calculated);
      if (run.upload) reportRows(progress.stored, progress.rows.counts());
      return { status: 'succeeded', reason: null, detail: null, source: progress.fetched.source, at: now() };
    } catch (error) {
      failSpan(span, error);
      if (run.upload) reportRows(undefined, progress.rows.counts());
      const outcome = failure(error, run.upload, progress);
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
        const inserted = insertRunning(transaction, {
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
      // Before the outcome is recorded, because the record fails too if the database is the reason.
      if (run.upload) reportUpload(run.universe, outcome);
      const finished = unitOfWork.run({ operation: 'refresh.finish' }, async (transaction) => {
        const { record: stored, ended } = await recordOutcome(transaction, id, outcome);
        if (ended) await events.ended(transaction, stored);
        if (!hasSucceeded(stored.status)) await run.inFailureTransaction?.(transaction);
        // The row of the record stays locked until the commit, so a refresh that begins before it does not close the record.
        transaction.beforeCommit(run.releaseLock);
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
