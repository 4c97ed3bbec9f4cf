import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { OpenableJobs } from '#src/kernel/ports/jobs.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Mail, MailRequest } from '#src/kernel/ports/account/mail.ts';
import type { Reader, Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { MailMessageEntity } from './entities.ts';
import type { MailCauser, MailLimits } from './mail-limits.ts';
import { removeMailTo } from './retention.ts';

export type OutboxDeps = {
  readonly isConfigured: boolean;
  readonly unitOfWork: UnitOfWork;
  readonly reader: Reader;
  /** While they are not open, messages are stored without a job; `resume` enqueues the job later. */
  readonly jobs: OpenableJobs;
  readonly clock: Clock;
  readonly ids: () => string;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly limits: MailLimits;
};

export type Outbox = Mail & {
  /** Enqueues messages without a job: they were stored before the queues were open, or the end of their job could not be stored. */
  readonly resume: () => Promise<void>;
};

const nobody: MailCauser = { user: null, network: null };

type WaitingRow = { readonly id: string; readonly user_id: string | null; readonly network: string | null };

export const createOutbox = (deps: OutboxDeps): Outbox => {
  const { isConfigured, unitOfWork, reader, jobs, clock, ids, limits, metrics, logger } = deps;

  const jobOf = (id: string, group: string) => ({ key: id, data: { message_id: id }, group });

  const store = async (
    transaction: Transaction,
    { kind, recipient, userId, passwordHash }: MailRequest,
    causer: MailCauser,
    group: string | undefined,
  ): Promise<void> => {
    const id = ids();
    transaction.em.create(MailMessageEntity, {
      id,
      kind,
      recipient,
      userId: userId ?? null,
      passwordHash: passwordHash ?? null,
      causedByUser: causer.user,
      causedByNetwork: causer.network,
      state: 'waiting',
      createdAt: clock.now(),
    });
    await transaction.em.flush();
    if (jobs.isOpen()) await jobs.enqueue(transaction, 'mail', jobOf(id, group ?? userId ?? id));
  };

  return {
    isConfigured,

    request: async (transaction, message) => {
      if (!isConfigured) throw new AppError('mail_not_configured', 'This service sends no mail: SMTP_URL is not set');
      await limits.assertMayWait(transaction, message.kind);
      const causer = await limits.assertMayCause(transaction, message);
      if (await limits.isRecipientAboveLimit(transaction, message)) return false;
      await store(transaction, message, causer, causer.network?.toString('hex'));
      return true;
    },

    notify: async (transaction, message) => {
      if (!isConfigured) return;
      // A user can repeat a change, and the address may belong to somebody else until it is verified.
      if (await limits.isRecipientAboveLimit(transaction, message)) return;
      if (await limits.isSaid(transaction, message)) {
        metrics.count('volwatch_mail_messages_total', { kind: message.kind, outcome: 'limited' });
        return;
      }
      if (!(await limits.mayNoticeWait(transaction, message))) {
        logger.warn({ kind: message.kind }, 'a notice was left out, because too many messages wait to be sent');
        metrics.count('volwatch_mail_messages_total', { kind: message.kind, outcome: 'limited' });
        return;
      }
      // Without causer: messages that a caller asked for must not use up what a notice needs.
      // A group of its own, so that it does not wait behind them either. Not the user: one network can have many accounts.
      const network = limits.networkOfRequest();
      await store(transaction, message, nobody, network ? `notice ${network.toString('hex')}` : undefined);
    },

    forget: async (transaction, address) => {
      await removeMailTo(transaction, address);
    },

    resume: async () => {
      if (!isConfigured) return;
      const rows = await reader.query<WaitingRow>(
        `select id, user_id, encode(caused_by_network, 'hex') as network from mail_message
         where state = 'waiting' and ${jobs.lacksJob('mail', 'mail_message.id::text')} order by id limit 1000`,
      );
      if (rows.length === 0) return;
      const waiting = rows.map(({ id, user_id: userId, network }) => jobOf(id, network ?? userId ?? id));
      const messages = await unitOfWork.run({ operation: 'mail.delivery' }, (transaction) =>
        jobs.enqueueAll(transaction, 'mail', waiting),
      );
      if (messages > 0) logger.warn({ messages }, 'messages without a job are enqueued again');
    },
  };
};
