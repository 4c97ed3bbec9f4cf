import { AppError, codeOf, errorTable } from '#src/kernel/catalogue/errors.ts';
import type { JobEnqueuer, JobHandler } from '#src/kernel/ports/jobs.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Owner } from '#src/kernel/ports/owners.ts';
import type { Reader, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { Revocations } from '../revocations.ts';
import type { Sync } from './sync.ts';

export type ScheduledSyncDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly reader: Reader;
  readonly jobs: JobEnqueuer;
  readonly sync: Pick<Sync, 'run'>;
  readonly revocations: Pick<Revocations, 'revoke' | 'pending'>;
  /** Whether the owner still exists and is enabled. */
  readonly mayAct: (subject: string) => Promise<boolean>;
  readonly logger: Logger;
};

const pageSize = 1_000;

/**
 * The jobs of the queue `calendar`. Without data: adds one job for each connected calendar and each stored revocation.
 * With `owner_kind` and `owner_id`: syncs one calendar. With `revocation`: revokes one consent at Google.
 */
export const createScheduledSync = (deps: ScheduledSyncDeps): JobHandler => {
  const { unitOfWork, reader, jobs, sync, revocations, mayAct, logger } = deps;

  const fanOut = async (): Promise<void> => {
    const pending = await revocations.pending();
    await unitOfWork.run({ operation: 'calendar.sync' }, async (transaction) => {
      for (const id of pending) {
        await jobs.enqueue(transaction, 'calendar', {
          key: `revocation:${id}`,
          data: { revocation: id },
          isFirst: true,
        });
      }
    });
    for (let after = '00000000-0000-0000-0000-000000000000', last = false; !last;) {
      const page = await reader.query<{ id: string; owner_kind: string; owner_id: string }>(
        `select id, owner_kind, owner_id from calendar_connection where id > $1 and status = 'connected'
         order by id limit $2`,
        [after, pageSize],
      );
      await unitOfWork.run({ operation: 'calendar.sync' }, async (transaction) => {
        for (const { id, ...owner } of page) {
          await jobs.enqueue(transaction, 'calendar', { key: `sync:${id}`, data: owner });
        }
      });
      after = page.at(-1)?.id ?? after;
      last = page.length < pageSize;
    }
  };

  const syncOne = async (owner: Owner, signal: AbortSignal): Promise<void> => {
    if (!(await mayAct(`${owner.kind}:${owner.id}`))) {
      logger.info({ owner_kind: owner.kind }, 'a calendar is not synced, because its owner is gone or disabled');
      return;
    }
    try {
      await sync.run(owner, 'schedule', signal);
    } catch (error) {
      // A retry helps only for faults that pass. The others are in the log and in the metric of syncs. A calendar that was too slow is as slow some
      // seconds later, and 40 of them with their retries would take longer than the time until the next scheduled sync.
      const isSlow = codeOf(error) === 'external_api_timeout';
      if (!isSlow && (!(error instanceof AppError) || errorTable[error.code].retryable)) throw error;
      logger.info({ code: codeOf(error) }, 'a scheduled calendar sync is not repeated');
    }
  };

  return async ({ revocation, owner_kind: kind, owner_id: id }, signal) => {
    if (revocation !== undefined) return revocations.revoke(revocation, signal);
    if (id === undefined || (kind !== 'user' && kind !== 'client')) return fanOut();
    return syncOne({ kind, id }, signal);
  };
};
