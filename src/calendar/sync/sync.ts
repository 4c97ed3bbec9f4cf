import { setTimeout as sleep } from 'node:timers/promises';
import { SpanStatusCode, trace, type Span } from '@opentelemetry/api';
import { orAbort } from '#src/kernel/abort.ts';
import { AppError, codeOf, errorTable } from '#src/kernel/catalogue/errors.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { skipReasons } from '#src/kernel/catalogue/metrics/calendar-metrics.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Owner } from '#src/kernel/ports/owners.ts';
import type { UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { runBeyondRequest } from '#src/kernel/requests/request-context.ts';
import { lockNameOf, readConnectionOf } from '../connections.ts';
import type { SkippedEvents } from '../google/event-wire.ts';
import type { FetchChanges } from './fetch-changes.ts';
import { StaleSync, storeEvents, type StoreQuotas, type SyncCounts } from './store-events.ts';
import type { KeptBytes, SyncMemory } from './sync-memory.ts';

export type SyncDeps = StoreQuotas & {
  readonly unitOfWork: UnitOfWork;
  readonly fetchChanges: FetchChanges;
  readonly memory: Pick<SyncMemory, 'begin'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Timeout of one sync with all its pages. */
  readonly timeoutMs: number;
  /** Timeout of the statements that store the events. */
  readonly statementTimeoutMs: number;
};

type SyncTrigger = 'request' | 'schedule';
type SyncResult = SyncCounts & { readonly full: boolean };
type StoredSync = { readonly result: SyncResult; readonly skipped: SkippedEvents };

export type Sync = {
  /**
   * Syncs the calendar of an owner: all changes are stored in one transaction, or none. Callers of this process at the
   * same time share one sync.
   * @throws AppError `calendar_not_connected`, `calendar_reauthorization_required`, `calendar_token_unreadable`,
   *   `calendar_sync_in_progress`, `quota_exceeded`, `overloaded`, of category external_api or database, or the reason of `signal`
   */
  readonly run: (owner: Owner, trigger: SyncTrigger, signal: AbortSignal) => Promise<SyncResult>;
  /** Aborts the syncs in progress. */
  readonly close: () => void;
};

const maxAttempts = 10;

const totalOf = (skipped: SkippedEvents): number => skipReasons.reduce((sum, reason) => sum + skipped[reason], 0);

/** `refused`: the user must act, so the service has no fault. */
const outcomeOf = (error: unknown): 'refused' | 'failed' => {
  const { status, category } = errorTable[codeOf(error)];
  return status < 500 && category !== 'external_api' ? 'refused' : 'failed';
};

export const createSync = (deps: SyncDeps): Sync => {
  const { unitOfWork, fetchChanges, memory, clock, metrics, logger, timeoutMs, statementTimeoutMs } = deps;
  const inProgress = new Map<string, Promise<SyncResult>>();
  const closing = new AbortController();

  const attempt = async (owner: Owner, signal: AbortSignal, kept: KeptBytes): Promise<StoredSync> => {
    const state = await unitOfWork.run({ operation: 'calendar.sync' }, ({ query }) => readConnectionOf(query, owner));
    const changes = await fetchChanges(state, signal, kept.set);
    const options = { operation: 'calendar.sync', statementTimeoutMs, alone: lockNameOf(state) } as const;
    const counts = await unitOfWork.run(options, (transaction) =>
      storeEvents(transaction, state, changes, { ...deps, now: clock.now() }),
    );
    return { result: { ...counts, full: changes.full }, skipped: changes.skipped };
  };

  /** Another process can store its sync first. Then this one begins again with the new sync token. */
  const attempts = async (owner: Owner, signal: AbortSignal, kept: KeptBytes): Promise<StoredSync> => {
    for (let made = 1; made <= maxAttempts; made += 1) {
      try {
        return await attempt(owner, signal, kept);
      } catch (error) {
        if (!(error instanceof StaleSync)) throw signal.aborted ? signal.reason : error;
        trace.getActiveSpan()?.addEvent('calendar.sync_repeated', { 'volwatch.calendar.attempt': made });
        await sleep(Math.random() * 100 * made, undefined, { signal }).catch(() => signal.throwIfAborted());
      }
    }
    throw new AppError('calendar_sync_in_progress', 'Other syncs of this calendar were stored first', {
      retryAfter: 1,
    });
  };

  const report = (trigger: SyncTrigger, startedAt: number, result: SyncResult | undefined, error?: unknown): void => {
    const milliseconds = clock.monotonic() - startedAt;
    const outcome = result ? 'succeeded' : outcomeOf(error);
    metrics.observe('volwatch_calendar_sync_duration_seconds', { trigger, outcome }, milliseconds / 1_000);
    for (const change of ['created', 'updated', 'deleted'] as const) {
      metrics.count('volwatch_calendar_events_total', { change }, result?.[change] ?? 0);
    }
    const fields = {
      trigger,
      outcome,
      duration_ms: Math.round(milliseconds),
      ...(result ?? { code: codeOf(error) }),
    };
    logger[outcome === 'failed' ? 'warn' : 'info'](fields, 'a calendar sync ended');
  };

  const reportSkipped = (trigger: SyncTrigger, skipped: SkippedEvents): void => {
    for (const reason of skipReasons) {
      metrics.count('volwatch_calendar_events_skipped_total', { reason }, skipped[reason]);
    }
    if (totalOf(skipped) > 0) logger.warn({ trigger, skipped }, 'events of Google that cannot be read were skipped');
  };

  const describe = (span: Span, error: unknown): void => {
    span.setAttribute('error.type', codeOf(error));
    if (outcomeOf(error) === 'failed') span.setStatus({ code: SpanStatusCode.ERROR });
  };

  const whole = (owner: Owner, trigger: SyncTrigger): Promise<SyncResult> =>
    trace.getTracer('volwatch').startActiveSpan('calendar.sync', async (span) => {
      const startedAt = clock.monotonic();
      const timeout = new AbortController();
      const timer = setTimeout(
        () => timeout.abort(new AppError('external_api_timeout', 'The sync took too long')),
        timeoutMs,
      );
      let kept: KeptBytes | undefined;
      try {
        kept = memory.begin();
        const signal = AbortSignal.any([closing.signal, timeout.signal, kept.signal]);
        const { result, skipped } = await attempts(owner, signal, kept);
        span.setAttributes({
          'volwatch.calendar.full': result.full,
          'volwatch.calendar.created': result.created,
          'volwatch.calendar.updated': result.updated,
          'volwatch.calendar.deleted': result.deleted,
          'volwatch.calendar.skipped': totalOf(skipped),
        });
        report(trigger, startedAt, result);
        reportSkipped(trigger, skipped);
        return result;
      } catch (error) {
        describe(span, error);
        report(trigger, startedAt, undefined, error);
        throw error;
      } finally {
        clearTimeout(timer);
        kept?.end();
        span.end();
      }
    });

  return {
    run: async (owner, trigger, signal) => {
      const key = `${owner.kind}:${owner.id}`;
      let running = inProgress.get(key);
      if (!running) {
        // The sync does not end with the request of one caller, because other callers can wait for it.
        running = runBeyondRequest(() => whole(owner, trigger)).finally(() => inProgress.delete(key));
        running.catch(() => {});
        inProgress.set(key, running);
      }
      return orAbort(running, signal);
    },
    close: () => closing.abort(new AppError('shutting_down')),
  };
};
