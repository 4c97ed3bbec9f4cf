import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, codeOf } from '#src/kernel/errors.ts';
import type { Lock, Reader } from '#src/kernel/unit-of-work.ts';
import { createRefreshEvents } from './refresh-events.ts';
import { begun, closeRunning } from './refresh-records.ts';
import type { RefreshRecord, RefreshTrigger } from './refresh-records.ts';
import { createRefreshRun } from './refresh-run.ts';
import type { RefreshRun, RefreshRunDependencies } from './refresh-run.ts';
import { universeNamed } from './universes.ts';
import type { Universe } from './universes.ts';

export type RefreshServiceDependencies = RefreshRunDependencies & {
  readonly reader: Reader;
  readonly lock: Lock;
  readonly universes: readonly Universe[];
};

type RefreshRequest = {
  readonly universe: string;
  readonly trigger: RefreshTrigger;
  /** Aborting it rolls the refresh back. */
  readonly signal?: AbortSignal;
  readonly alongRecord?: RefreshRun['alongRecord'];
  readonly queuedId?: string;
};

type StartedRefresh = {
  /** As stored, running. */
  readonly record: RefreshRecord;
  /** Resolves with the ended record, rolled back or not; rejects only when the outcome could not be stored. */
  readonly ended: Promise<RefreshRecord>;
};

export type RefreshService = {
  /**
   * Takes the universe's lock, stores the record and goes on in the background, tracked by `idle`. With `waited` the
   * refresh joins the caller's trace.
   * @throws AppError `validation_failed` (/universe), `refresh_in_progress`, `shutting_down`, or of category database
   */
  readonly start: (request: RefreshRequest & { readonly waited: boolean }) => Promise<StartedRefresh>;
  /** As `start`, to the end. */
  readonly run: (request: RefreshRequest & { readonly waited?: boolean }) => Promise<RefreshRecord>;
  /** Ends the records that dead processes left running; those of living ones stay. @returns how many */
  readonly closeDangling: () => Promise<number>;
  /** Sets the last-success gauges from the database; 0 for a universe that never was refreshed. */
  readonly restoreMetrics: () => Promise<void>;
  /** Refreshes each universe that never was, or not for `staleAfterMs`; a failure is logged and does not throw. */
  readonly refreshStale: (options: { readonly staleAfterMs: number }) => Promise<void>;
  /** Resolves when nothing runs. */
  readonly idle: () => Promise<void>;
  /**
   * Refuses new refreshes, gives running ones `graceMs` (none unless told) to end, then rolls them back with
   * `shutting_down` and waits for them. A second call may cut the grace of the first short.
   */
  readonly close: (options?: { readonly graceMs: number }) => Promise<void>;
};

const lockName = (universe: string): string => `refresh:${universe}`;

export const createRefreshService = (deps: RefreshServiceDependencies): RefreshService => {
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
    alongRecord,
    queuedId,
  }) => {
    const universe = universeNamed(universes, name);
    if (closing) throw new AppError('shutting_down');
    const recorded = Promise.withResolvers<RefreshRecord>();
    let stored = false;
    const onRecorded = (record: RefreshRecord): void => {
      stored = true;
      recorded.resolve(record);
    };
    const locked = async (): Promise<RefreshRecord> => {
      const held = await lock.tryWith(lockName(name), () =>
        runRefresh({
          universe,
          trigger,
          waited,
          onRecorded,
          alongRecord,
          queuedId,
          signal: AbortSignal.any([stop.signal, signal]),
        }),
      );
      if (!held) throw new AppError('refresh_in_progress', undefined, { retryAfter: 1 });
      return held.value;
    };
    const ended = locked();
    running.add(ended);
    const settle = async (): Promise<void> => {
      try {
        await ended;
      } catch (error) {
        recorded.reject(error);
        // Before the record is stored the error is the caller's answer; after it nobody may be listening any more.
        const fields = { universe: name, code: codeOf(error), err: error };
        if (stored) logger.error(fields, 'the outcome of a refresh could not be recorded');
      } finally {
        running.delete(ended);
      }
    };
    void settle();
    return { record: await recorded.promise, ended };
  };

  const run: RefreshService['run'] = async (request) => (await start({ waited: true, ...request })).ended;

  const lastSuccesses = async (): Promise<Map<string, number>> => {
    const rows = await reader.query<{ universe: string; seconds: number }>(
      `select universe, extract(epoch from max(finished_at))::float8 as seconds
       from refresh where status = 'succeeded' group by universe`,
    );
    return new Map(rows.map(({ universe, seconds }) => [universe, seconds]));
  };

  return {
    start,
    run,

    closeDangling: async () => {
      const left = await reader.query<{ universe: string }>(
        `select distinct universe from refresh where status = 'running' and ${begun}`,
      );
      let closed = 0;
      for (const { universe } of left) {
        const held = await lock.tryWith(lockName(universe), () =>
          unitOfWork.run({ operation: 'refresh.close_dangling' }, async (transaction) => {
            const records = await closeRunning(transaction, universe, clock.now().toISOString());
            for (const record of records) await events.ended(transaction, record);
            return records.length;
          }),
        );
        closed += held?.value ?? 0;
      }
      if (closed > 0) logger.warn({ closed }, 'closed refreshes that another run left behind');
      return closed;
    },

    restoreMetrics: async () => {
      const seconds = await lastSuccesses();
      for (const { name: universe } of universes) {
        metrics.set('volwatch_refresh_last_success_timestamp_seconds', { universe }, seconds.get(universe) ?? 0);
        // There from the start: an increase from nothing would not be seen.
        metrics.count('volwatch_prices_quarantined_total', { universe }, 0);
      }
    },

    refreshStale: async ({ staleAfterMs }) => {
      const seconds = await lastSuccesses();
      const oldest = (clock.now().getTime() - staleAfterMs) / 1000;
      for (const { name: universe } of universes) {
        if ((seconds.get(universe) ?? -Infinity) >= oldest) continue;
        try {
          await run({ universe, trigger: 'startup' });
        } catch (error) {
          logger.warn({ universe, code: codeOf(error) }, 'refresh at start did not run');
        }
      }
    },

    idle: async () => {
      await Promise.allSettled(running);
    },

    close: async ({ graceMs } = { graceMs: 0 }) => {
      closing = true;
      if (graceMs > 0) {
        const ended = new AbortController();
        const patience = sleep(graceMs, undefined, { signal: ended.signal }).catch(() => {});
        await Promise.race([Promise.allSettled(running), patience]);
        ended.abort();
      }
      stop.abort(new AppError('shutting_down'));
      await Promise.allSettled(running);
    },
  };
};
