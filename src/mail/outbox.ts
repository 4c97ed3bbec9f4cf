import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { assertWithinQuota } from '#src/kernel/lists/storage-quota.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { JobEnqueuer } from '#src/kernel/ports/jobs.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Mail, MailRequest } from '#src/kernel/ports/account/mail.ts';
import type { Query, Reader, Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';
import { MailMessageEntity } from './entities.ts';

export type OutboxDeps = {
  readonly isConfigured: boolean;
  readonly unitOfWork: UnitOfWork;
  readonly reader: Reader;
  readonly jobs: JobEnqueuer & {
    /** While this is false, messages are stored without a job; `resume` enqueues the job later. */
    readonly isOpen: () => boolean;
  };
  readonly clock: Clock;
  readonly ids: () => string;
  readonly abuse: AbuseReport;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Max number of messages of one kind to one recipient within an hour. */
  readonly maxPerRecipient: number;
  /** Max number of messages that wait. */
  readonly maxWaiting: number;
};

export type Outbox = Mail & {
  /** Enqueues messages that were stored before the queues were open. */
  readonly resume: () => Promise<void>;
};

const hourMs = 3_600_000;

export const createOutbox = (deps: OutboxDeps): Outbox => {
  const { isConfigured, unitOfWork, reader, jobs, clock, ids, abuse, metrics, logger } = deps;
  const { maxPerRecipient, maxWaiting } = deps;

  const countWaiting = async (query: Query): Promise<number> => {
    const [row] = await query<{ waiting: number }>(
      `select count(*)::int as waiting from (select 1 from mail_message where state = 'waiting' limit $1) as message`,
      [maxWaiting],
    );
    return row!.waiting;
  };

  /** A lock of the recipient, because of simultaneous requests exactly the allowed number must pass. */
  const isAboveLimit = async ({ query }: Transaction, { kind, recipient }: MailRequest): Promise<boolean> => {
    await query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`mail ${kind} ${recipient}`]);
    const [row] = await query<{ messages: number }>(
      `select count(*)::int as messages from mail_message where recipient = $1 and kind = $2 and created_at > $3`,
      [recipient, kind, new Date(clock.now().getTime() - hourMs)],
    );
    return row!.messages >= maxPerRecipient;
  };

  const enqueue = (transaction: Transaction, id: string): Promise<boolean> =>
    jobs.enqueue(transaction, 'mail', { key: id, data: { message_id: id } });

  const store = async (transaction: Transaction, { kind, recipient, userId }: MailRequest): Promise<void> => {
    const id = ids();
    transaction.em.create(MailMessageEntity, {
      id,
      kind,
      recipient,
      userId: userId ?? null,
      state: 'waiting',
      createdAt: clock.now(),
    });
    await transaction.em.flush();
    if (jobs.isOpen()) await enqueue(transaction, id);
  };

  return {
    isConfigured,

    request: async (transaction, message) => {
      if (!isConfigured) throw new AppError('mail_not_configured', 'This service sends no mail: SMTP_URL is not set');
      assertWithinQuota(abuse, {
        quota: 'mail_messages',
        wanted: (await countWaiting(transaction.query)) + 1,
        max: maxWaiting,
        unit: 'messages',
        remedy: 'Too many messages wait to be sent; try again later.',
      });
      if (await isAboveLimit(transaction, message)) {
        abuse.refused('mail_by_recipient', currentRequest()?.clientIp);
        metrics.count('volwatch_mail_messages_total', { kind: message.kind, outcome: 'limited' });
        return;
      }
      await store(transaction, message);
    },

    notify: async (transaction, message) => {
      if (!isConfigured) return;
      if ((await countWaiting(transaction.query)) >= maxWaiting) {
        logger.warn({ kind: message.kind }, 'a notice was left out, because too many messages wait to be sent');
        metrics.count('volwatch_mail_messages_total', { kind: message.kind, outcome: 'limited' });
        return;
      }
      await store(transaction, message);
    },

    resume: async () => {
      if (!isConfigured) return;
      const waiting = await reader.query<{ id: string }>(
        `select id from mail_message where state = 'waiting' order by id limit 1000`,
      );
      if (waiting.length === 0) return;
      await unitOfWork.run({ operation: 'mail.delivery' }, async (transaction) => {
        for (const { id } of waiting) await enqueue(transaction, id);
      });
    },
  };
};
