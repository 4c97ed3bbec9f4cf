import { setTimeout as sleep } from 'node:timers/promises';
import { trace } from '@opentelemetry/api';
import type { AuditTrail } from '#src/kernel/audit.ts';
import type { Clock } from '#src/kernel/clock.ts';
import { AppError } from '#src/kernel/errors.ts';
import type { JobEnqueuer } from '#src/kernel/jobs.ts';
import type { Reader, UnitOfWork } from '#src/kernel/unit-of-work.ts';
import { createRefreshEvents } from './refresh-events.ts';
import { insertRunning, refreshColumns, toRefreshRecord } from './refresh-records.ts';
import type { RefreshRecord, RefreshRow } from './refresh-records.ts';
import type { RefreshService } from './refresh-service.ts';
import { universeNamed } from './universes.ts';
import type { Universe } from './universes.ts';

export type QueuedRefreshesDependencies = {
  readonly unitOfWork: UnitOfWork;
  readonly reader: Reader;
  readonly jobs: JobEnqueuer;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly ids: () => string;
  readonly universes: readonly Universe[];
};

/** Milliseconds between two looks at a record that somebody waits for. */
const lookAgainMs = 200;
/** A caller waits 30 seconds at most. */
const longestLookMs = 60_000;

/**
 * Starts refreshes where others do them: the record, its job and the answer to an idempotency key are stored in one
 * transaction, and a worker takes it from there.
 */
export const createQueuedRefreshes = (deps: QueuedRefreshesDependencies): Pick<RefreshService, 'start'> => {
  const { unitOfWork, reader, jobs, clock, ids, universes } = deps;
  const events = createRefreshEvents(deps.audit);

  const look = async (id: string): Promise<RefreshRecord> => {
    const [row] = await reader.query<RefreshRow>(`select ${refreshColumns} from refresh where id = $1`, [id]);
    if (!row) throw new AppError('resource_not_found', 'The refresh is gone');
    return toRefreshRecord(row);
  };
  const followed = async (record: RefreshRecord): Promise<RefreshRecord> => {
    const until = clock.monotonic() + longestLookMs;
    let seen = record;
    while (seen.status === 'running' && clock.monotonic() < until) {
      await sleep(lookAgainMs, undefined, { ref: false });
      seen = await look(record.id);
    }
    return seen;
  };

  return {
    start: async ({ universe: name, trigger, waited, alongRecord }) => {
      const universe = universeNamed(universes, name);
      const record = await unitOfWork.run({ operation: 'refresh.record' }, async (transaction) => {
        const stored = await insertRunning(transaction, {
          id: ids(),
          universe: universe.name,
          trigger,
          started_at: clock.now().toISOString(),
          trace_id: trace.getActiveSpan()?.spanContext().traceId ?? null,
          queued: true,
        });
        const data = { universe: name, trigger, refresh_id: stored.id, waited: String(waited) };
        const enqueued = await jobs.enqueue(transaction, 'refresh', { key: name, data });
        if (!enqueued) throw new AppError('refresh_in_progress', undefined, { retryAfter: 1 });
        await events.queued(transaction, stored);
        await alongRecord?.(transaction, stored);
        return stored;
      });
      return { record, ended: waited ? followed(record) : Promise.resolve(record) };
    },
  };
};
