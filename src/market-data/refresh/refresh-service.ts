import { setTimeout as sleep } from 'node:timers/promises';
import { within } from '#src/kernel/abort.ts';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import type { Lock } from '#src/kernel/ports/unit-of-work.ts';
import { runBeyondRequest } from '#src/kernel/requests/request-context.ts';
import { createRefreshEvents } from './refresh-events.ts';
import { countFailedRefresh, countRefreshError } from './refresh-failure.ts';
import { closeRunning, committed, startedOrAbandoned } from './refresh-records.ts';
import type { RefreshRecord, RefreshTrigger } from './refresh-records.ts';
import { initUploadMetrics } from './refresh-reports.ts';
import { createRefreshRun } from './refresh-run.ts';
import type { RefreshRun, RefreshRunDeps } from './refresh-run-deps.ts';
import { unfinishedUniverses } from './fetch/fetched-series.ts';
import { leftOutReasons } from '../indexes/calculation/left-out.ts';
import { replacementReasons } from '../series/series-plan.ts';
import { assertTakesUploads } from '../uploads/upload-source.ts';
import type { Upload } from '../uploads/upload.ts';
import { eachUniverse } from '../universes/stored-universes.ts';
import { refreshLockName } from './refresh-lock.ts';

export type RefreshServiceDeps = RefreshRunDeps & {
  readonly lock: Lock;
  /**
   * Enqueues a refresh. The start uses it for universes of a provider with request credits, because these can be spent for an hour. It
   * waits for the others. Default: they run at once.
   */
  readonly enqueue?: (universe: string) => Promise<void>;
};

type RefreshRequest = {
  readonly universe: string;
  readonly trigger: RefreshTrigger;
  /** If it aborts, the refresh is rolled back. */
  readonly signal?: AbortSignal;
  readonly inRecordTransaction?: RefreshRun['inRecordTransaction'];
  readonly inApplyTransaction?: RefreshRun['inApplyTransaction'];
  readonly inFailureTransaction?: RefreshRun['inFailureTransaction'];
  readonly upload?: Upload;
  readonly queuedId?: string;
};

type StartedRefresh = {
  /** The stored record, with the status `running`. */
  readonly record: RefreshRecord;
  /** Resolves with the ended record, also after a rollback. Rejects only if the outcome could not be stored. */
  readonly ended: Promise<RefreshRecord>;
};

export type RefreshService = {
  /**
   * Takes the lock of the universe and stores the record. The refresh then runs in the background; `idle` waits for it.
   * With `waited` the refresh is part of the caller's trace.
   * @throws AppError `validation_failed` (/universe), `refresh_in_progress`, `shutting_down`, or of category database
   */
  readonly start: (request: RefreshRequest & { readonly waited: boolean }) => Promise<StartedRefresh>;
  /** Like `start`, but resolves when the refresh has ended. */
  readonly run: (request: RefreshRequest & { readonly waited?: boolean }) => Promise<RefreshRecord>;
  /**
   * Ends the running records of dead processes. Records of living processes do not change.
   * @returns the number of closed records
   */
  readonly closeDangling: () => Promise<number>;
  /** Sets the last-success gauges from the database, to 0 for a universe without a successful refresh. */
  readonly restoreMetrics: () => Promise<void>;
  /**
   * Refreshes each universe whose last success is older than `staleAfterMs` or missing, whose prices come from another
   * source than the provider, or whose last refresh was interrupted while it fetched parts. Logs failures, never throws.
   */
  readonly refreshStale: (options: { readonly staleAfterMs: number }) => Promise<void>;
  /** Resolves when no refresh runs. */
  readonly idle: () => Promise<void>;
  /**
   * Refuses new refreshes and waits up to `graceMs` (default 0) for running refreshes. Then it rolls them back with
   * `shutting_down` and waits 5 s for the rollback. A second call with a shorter grace ends the wait of the first call.
   */
  readonly close: (options?: { readonly graceMs: number }) => Promise<void>;
};

/** A statement in progress ends first. A longer one, and a silent database, must not hold the stop: PostgreSQL rolls back by itself. */
const rollBackMs = 5_000;

/** Runs refreshes in this process, at most one at a time for each universe over all processes. */
export const createRefreshService = (deps: RefreshServiceDeps): RefreshService => {
  const { unitOfWork, reader, lock, metrics, clock, logger, universes } = deps;
  const runRefresh = createRefreshRun(deps);
  const events = createRefreshEvents(deps.audit, deps.announce);
  const stop = new AbortController();
  const running = new Set<Promise<unknown>>();
  let closing = false;

  const start: RefreshService['start'] = async ({
    universe: name,
    trigger,
    signal = stop.signal,
    waited,
    inRecordTransaction,
    inApplyTransaction,
    inFailureTransaction,
    queuedId,
    upload,
  }) => {
    await universes.named(name);
    if (closing) throw new AppError('shutting_down');
    const recorded = Promise.withResolvers<RefreshRecord>();
    let stored = false;
    const onRecorded = (record: RefreshRecord): void => {
      stored = true;
      recorded.resolve(record);
    };
    const runLocked = async (): Promise<RefreshRecord> => {
      const result = await lock.tryWith(refreshLockName(name), async (releaseLock) => {
        // Read under the lock, because a change of the definition takes the lock too.
        const universe = await universes.named(name);
        if (upload) assertTakesUploads(universe.source);
        return runRefresh({
          releaseLock,
          universe,
          trigger,
          waited,
          onRecorded,
          inRecordTransaction,
          inApplyTransaction,
          inFailureTransaction,
          queuedId,
          upload,
          signal: AbortSignal.any([stop.signal, signal]),
        });
      });
      if (!result) throw new AppError('refresh_in_progress', undefined, { retryAfter: 1 });
      return result.value;
    };
    const ended = runBeyondRequest(runLocked);
    running.add(ended);
    const recordEnd = async (): Promise<void> => {
      try {
        await ended;
      } catch (error) {
        recorded.reject(error);
        // Before the record is stored, `start` rejects with the error. Later the caller may not wait any more.
        const code = codeOf(error);
        if (stored)
          logger.error({ universe: name, code, err: error }, 'the outcome of a refresh could not be recorded');
        // The error boundary counts the error of a request that did not start. `refresh_in_progress` is not an error of
        // a schedule, because the universe is refreshed all the same.
        const answered = trigger === 'request' && queuedId === undefined;
        if (stored || (!answered && code !== 'refresh_in_progress')) countRefreshError(metrics, code);
      } finally {
        running.delete(ended);
      }
    };
    void recordEnd();
    return { record: await recorded.promise, ended };
  };

  const run: RefreshService['run'] = async (request) => (await start({ waited: true, ...request })).ended;

  const lastSuccesses = async (): Promise<Map<string, number>> => {
    const rows = await reader.query<{ universe: string; seconds: number }>(
      `select universe, extract(epoch from max(finished_at))::float8 as seconds
       from refresh where ${committed} group by universe`,
    );
    return new Map(rows.map(({ universe, seconds }) => [universe, seconds]));
  };

  /**
   * The universes with series from another source than the provider of this process. None if the provider has sample
   * data: a process that was started without its settings must not replace market prices just by starting.
   */
  const universesOfOtherSource = async (): Promise<ReadonlySet<string>> => {
    if (deps.provider.source === 'sample') return new Set();
    const rows = await reader.query<{ universe: string }>(
      `select distinct market_index.universe from market_index join index_constituent on index_id = market_index.id
       join asset on asset.id = asset_id left join universe on universe.name = market_index.universe
       where price_source <> $1 and coalesce(universe.source, 'provider') = 'provider'`,
      [deps.provider.source],
    );
    return new Set(rows.map(({ universe }) => universe));
  };

  return {
    start,
    run,

    closeDangling: async () => {
      const dangling = await reader.query<{ universe: string }>(
        `select distinct universe from refresh where status = 'running' and ${startedOrAbandoned}`,
      );
      let closed = 0;
      for (const { universe } of dangling) {
        const result = await lock.tryWith(refreshLockName(universe), () =>
          unitOfWork.run({ operation: 'refresh.close_dangling' }, async (transaction) => {
            const records = await closeRunning(transaction, universe, clock.now().toISOString());
            for (const record of records) await events.ended(transaction, record);
            return records;
          }),
        );
        for (const record of result?.value ?? []) countFailedRefresh(metrics, record);
        closed += result?.value.length ?? 0;
      }
      if (closed > 0) logger.warn({ closed }, 'closed refreshes that another run left behind');
      return closed;
    },

    restoreMetrics: async () => {
      const seconds = await lastSuccesses();
      for (const universe of await universes.names()) {
        metrics.set('volwatch_refresh_last_success_timestamp_seconds', { universe }, seconds.get(universe) ?? 0);
        // The series must exist from the start, because Prometheus cannot see an increase of a series that appears
        // later.
        metrics.count('volwatch_prices_quarantined_total', { universe }, 0);
        initUploadMetrics(metrics, universe);
        for (const reason of leftOutReasons) {
          metrics.count('volwatch_index_constituents_left_out_total', { universe, reason }, 0);
        }
      }
      for (const reason of replacementReasons) metrics.count('volwatch_series_replaced_total', { reason }, 0);
    },

    refreshStale: async ({ staleAfterMs }) => {
      const seconds = await lastSuccesses();
      const fromOtherSource = await universesOfOtherSource();
      const unfinished = await unfinishedUniverses(reader);
      const staleBefore = (clock.now().getTime() - staleAfterMs) / 1000;
      await eachUniverse(universes, async ({ name: universe, source }) => {
        // The prices of such a universe come only by uploads.
        if (source === 'upload') return;
        const isFresh = (seconds.get(universe) ?? -Infinity) >= staleBefore;
        if (isFresh && !fromOtherSource.has(universe) && !unfinished.has(universe)) return;
        try {
          const provider = source === undefined || source === 'provider' ? deps.provider : deps.providers?.[source];
          if (deps.enqueue && provider?.maxAssetsPerFetch !== undefined) {
            await deps.enqueue(universe);
            return;
          }
          await run({ universe, trigger: 'startup' });
        } catch (error) {
          logger.warn({ universe, code: codeOf(error) }, 'the refresh at startup did not run');
        }
      });
    },

    idle: async () => {
      await Promise.allSettled(running);
    },

    close: async ({ graceMs } = { graceMs: 0 }) => {
      closing = true;
      if (graceMs > 0) {
        const ended = new AbortController();
        const grace = sleep(graceMs, undefined, { signal: ended.signal }).catch(() => {});
        await Promise.race([Promise.allSettled(running), grace]);
        ended.abort();
      }
      stop.abort(new AppError('shutting_down'));
      const isRolledBack = await within(rollBackMs, Promise.allSettled(running));
      if (!isRolledBack) logger.warn({ refreshes: running.size }, 'the database does not roll back refreshes in time');
    },
  };
};
