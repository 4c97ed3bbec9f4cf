import type { Clock } from '#src/kernel/ports/clock.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { JobEnqueuer, JobHandler } from '#src/kernel/ports/jobs.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Reader, Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { Announce, WebhookEventType } from '#src/kernel/ports/webhooks.ts';

type OutboxDependencies = {
  readonly unitOfWork: UnitOfWork;
  readonly reader: Reader;
  readonly jobs: JobEnqueuer & {
    /** Until then events are stored, and `resume` gives them their job. */
    readonly isOpen: () => boolean;
  };
  readonly clock: Clock;
  readonly ids: () => string;
  readonly logger: Logger;
};

/** `owner`: kind and id. Deliveries of one owner take turns: slow receivers cost nobody else's. */
type Subscriber = { readonly id: string; readonly owner: string };

export type Outbox = {
  readonly announce: Announce;
  /** A `webhook.test` for this webhook alone. @returns the event's id */
  readonly test: (transaction: Transaction, webhook: Subscriber) => Promise<string>;
  /** Makes a delivery of an event for each webhook that subscribes to it, once. */
  readonly fanOut: JobHandler;
  /** Enqueues the events that nobody has carried out: stored before the queues were open, or whose job died. */
  readonly resume: () => Promise<void>;
};

type NewEvent = {
  readonly type: WebhookEventType | 'webhook.test';
  readonly data: Readonly<Record<string, unknown>>;
};

export const createOutbox = ({ unitOfWork, reader, jobs, clock, ids, logger }: OutboxDependencies): Outbox => {
  /** The body is written down here, so that every attempt at every receiver sends the same bytes. */
  const eventOf = ({ type, data }: NewEvent) => {
    const at = clock.now();
    return { id: ids(), type, at, body: JSON.stringify({ type, timestamp: at.toISOString(), data }) };
  };

  const enqueueEvent = (transaction: Transaction, id: string): Promise<boolean> =>
    jobs.enqueue(transaction, 'webhook_event', { key: id, data: { event_id: id } });

  const deliver = async (transaction: Transaction, eventId: string, { id, owner }: Subscriber): Promise<void> => {
    const added = await transaction.query(
      `insert into webhook_delivery (webhook_id, event_id, state, created_at) values ($1, $2, 'waiting', $3)
       on conflict do nothing returning 1`,
      [id, eventId, clock.now()],
    );
    if (added.length === 0) return;
    const data = { webhook_id: id, event_id: eventId };
    await jobs.enqueue(transaction, 'webhook_delivery', { key: `${id}/${eventId}`, group: owner, data });
  };

  return {
    announce: async (transaction, event) => {
      await transaction.query('savepoint announcement');
      try {
        const { id, type, at, body } = eventOf(event);
        const stored = await transaction.query(
          `insert into webhook_event (id, type, body, occurred_at) select $1, $2, $3, $4
           where exists (select 1 from webhook where disabled_at is null and $2 = any(events)) returning 1`,
          [id, type, body, at],
        );
        if (stored.length > 0 && jobs.isOpen()) await enqueueEvent(transaction, id);
      } catch (error) {
        // Without its tables this feature is not there yet; what is announced happens all the same.
        if (codeOf(error) !== 'database_schema_outdated') throw error;
        await transaction.query('rollback to savepoint announcement');
        logger.warn({ code: codeOf(error), event_type: event.type }, 'an event was not announced to webhooks');
      }
    },

    test: async (transaction, webhook) => {
      const { id, type, at, body } = eventOf({ type: 'webhook.test', data: { webhook_id: webhook.id } });
      await transaction.query(
        `insert into webhook_event (id, type, body, occurred_at, fanned_out_at) values ($1, $2, $3, $4, $4)`,
        [id, type, body, at],
      );
      await deliver(transaction, id, webhook);
      return id;
    },

    fanOut: async ({ event_id: id = '' }) => {
      await unitOfWork.run({ operation: 'webhook.fan_out' }, async (transaction) => {
        const { query } = transaction;
        const [event] = await query<{ type: string }>(
          `update webhook_event set fanned_out_at = $2 where id = $1 and fanned_out_at is null returning type`,
          [id, clock.now()],
        );
        // Past its time, or carried out by a worker that was thought dead.
        if (!event) return;
        const webhooks = await query<Subscriber>(
          `select id, owner_kind || ':' || owner_id as owner from webhook
           where disabled_at is null and $1 = any(events) order by id`,
          [event.type],
        );
        for (const webhook of webhooks) await deliver(transaction, id, webhook);
      });
    },

    resume: async () => {
      const left = await reader.query<{ id: string }>(
        'select id from webhook_event where fanned_out_at is null order by id limit 1000',
      );
      if (left.length === 0) return;
      await unitOfWork.run({ operation: 'webhook.fan_out' }, async (transaction) => {
        for (const { id } of left) await enqueueEvent(transaction, id);
      });
    },
  };
};
