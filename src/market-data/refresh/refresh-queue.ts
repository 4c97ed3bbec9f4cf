import { setTimeout as sleep } from 'node:timers/promises';
import { trace } from '@opentelemetry/api';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { JobEnqueuer } from '#src/kernel/ports/jobs.ts';
import type { Reader, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { createRefreshEvents } from './refresh-events.ts';
import { insertRunning, refreshColumns, toRefreshRecord } from './refresh-records.ts';
import type { RefreshRecord, RefreshRow } from './refresh-records.ts';
import type { RefreshService } from './refresh-service.ts';
import type { Universes } from '../universes/universes-port.ts';
import { whenFree } from './wait.ts';

export type QueuedRefreshesDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly reader: Reader;
  readonly jobs: JobEnqueuer;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly ids: () => string;
  readonly universes: Universes;
};

const pollMs = 200;
/** Polling ends after this time. The max wait of a caller is shorter: 30 seconds. */
const maxPollingMs = 60_000;

/**
 * Starts refreshes on a process that only enqueues them. The record, its job and the answer for an idempotency key are
 * stored in one transaction. A worker process runs the job.
 */
export const createQueuedRefreshes = (deps: QueuedRefreshesDeps): Pick<RefreshService, 'start'> => {
  const { unitOfWork, reader, jobs, clock, ids, universes } = deps;
  const events = createRefreshEvents(deps.audit);

  const readRecord = async (id: string): Promise<RefreshRecord> => {
    const [row] = await reader.query<RefreshRow>(`select ${refreshColumns} from refresh where id = $1`, [id]);
    if (!row) throw new AppError('resource_not_found', 'The refresh record was deleted');
    return toRefreshRecord(row);
  };
  const pollUntilEnded = async (record: RefreshRecord): Promise<RefreshRecord> => {
    const deadline = clock.monotonic() + maxPollingMs;
    let latest = record;
    while (latest.status === 'running' && clock.monotonic() < deadline) {
      await sleep(pollMs, undefined, { ref: false });
      latest = await readRecord(record.id);
    }
    return latest;
  };

  const hasRunning = async (universe: string): Promise<boolean> =>
    (await reader.query(`select 1 from refresh where universe = $1 and status = 'running' limit 1`, [universe]))
      .length > 0;

  return {
    start: async ({ universe: name, trigger, waited, inRecordTransaction }) => {
      const universe = await universes.named(name);
      const store = () =>
        unitOfWork.run({ operation: 'refresh.record' }, async (transaction) => {
          const stored = insertRunning(transaction, {
            id: ids(),
            universe: universe.name,
            universe_version: universe.version ?? null,
            trigger,
            started_at: clock.now().toISOString(),
            trace_id: trace.getActiveSpan()?.spanContext().traceId ?? null,
            queued: true,
          });
          const data = { universe: name, trigger, refresh_id: stored.id, waited: String(waited) };
          const enqueued = await jobs.enqueue(transaction, 'refresh', { key: name, data });
          if (!enqueued) throw new AppError('refresh_in_progress', undefined, { retryAfter: 1 });
          await events.queued(transaction, stored);
          await inRecordTransaction?.(transaction, stored);
          return stored;
        });
      // Whoever reads the ended record must be able to start the next refresh. But a worker fills its caches after the
      // record has ended, and only then the job leaves the queue.
      const record = await whenFree(store, async () => !(await hasRunning(name)));
      return { record, ended: waited ? pollUntilEnded(record) : Promise.resolve(record) };
    },
  };
};
