import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { JobHandler, OpenableJobs } from '#src/kernel/ports/jobs.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { createStoreDeliveries, jobOfDelivery, type Subscriber } from './deliveries.ts';
import { WebhookEventEntity } from '../entities.ts';
import { testEventType } from '../event-types.ts';
import { createFanOut } from './fan-out.ts';
import { createEventReads, type EventReadsDeps } from '../store/event-reads.ts';
import type { Announce, WebhookEventType } from '#src/kernel/ports/webhooks.ts';

type OutboxDeps = EventReadsDeps & {
  readonly unitOfWork: UnitOfWork;
  /** While they are not open, events are stored without a job; `resume` enqueues the job later. */
  readonly jobs: OpenableJobs;
  readonly clock: Clock;
  readonly ids: () => string;
  readonly abuse: AbuseReport;
  readonly logger: Logger;
};

export type Outbox = {
  readonly announce: Announce;
  /** Stores a `webhook.test` event for this webhook only. @returns the id of the event */
  readonly test: (transaction: Transaction, webhook: Subscriber) => Promise<string>;
  /** The handler of the queue of events. */
  readonly handleEvent: JobHandler;
  /**
   * Enqueues events that were not distributed, and deliveries that wait for longer than a day, if they have no job: they were stored before the queues were
   * open, or their job was given up without an outcome.
   */
  readonly resume: () => Promise<void>;
};

type NewEvent = {
  readonly type: WebhookEventType | typeof testEventType;
  readonly data: Readonly<Record<string, unknown>>;
};

export const createOutbox = (deps: OutboxDeps): Outbox => {
  const { unitOfWork, jobs, clock, ids, abuse, logger } = deps;
  const reads = createEventReads(deps);
  const storeDeliveries = createStoreDeliveries({ jobs, clock });

  /** The body is serialised once, so that each attempt to each receiver sends the same bytes. */
  const eventOf = ({ type, data }: NewEvent) => {
    const at = clock.now();
    return { id: ids(), type, at, body: JSON.stringify({ type, timestamp: at.toISOString(), data }) };
  };

  const jobOf = (id: string) => ({ key: id, data: { event_id: id } });

  const fanOut = createFanOut({ unitOfWork, storeDeliveries, abuse, logger });

  return {
    announce: async (transaction, event) => {
      await transaction.query('savepoint announcement');
      try {
        const { id, type, at, body } = eventOf(event);
        // SQL, because one statement stores the event only if a webhook wants it.
        const stored = await transaction.query(
          `insert into webhook_event (id, type, body, occurred_at) select $1, $2, $3, $4
           where exists (select 1 from webhook where disabled_at is null and $2 = any(events)) returning 1`,
          [id, type, body, at],
        );
        if (stored.length > 0 && jobs.isOpen()) await jobs.enqueue(transaction, 'webhook_event', jobOf(id));
      } catch (error) {
        // The tables of webhooks may be missing until a migration runs. The announced change must commit all the same.
        if (codeOf(error) !== 'database_schema_outdated') throw error;
        await transaction.query('rollback to savepoint announcement');
        logger.warn({ code: codeOf(error), event_type: event.type }, 'an event was not announced to webhooks');
      }
    },

    test: async (transaction, webhook) => {
      const { id, type, at, body } = eventOf({ type: testEventType, data: { webhook_id: webhook.id } });
      transaction.em.create(WebhookEventEntity, { id, type, body, occurredAt: at, fannedOutAt: at });
      await transaction.em.flush();
      await storeDeliveries(transaction, id, [webhook]);
      return id;
    },

    handleEvent: fanOut,

    resume: async () => {
      const [waiting, old] = [await reads.waitingEvents(), await reads.oldDeliveries()];
      if (waiting.length + old.length === 0) return;
      const found = await unitOfWork.run({ operation: 'webhook.fan_out' }, async (transaction) => ({
        events: await jobs.enqueueAll(transaction, 'webhook_event', waiting.map(jobOf)),
        deliveries: await jobs.enqueueAll(
          transaction,
          'webhook_delivery',
          old.map((delivery) => jobOfDelivery(delivery.event_id, delivery)),
        ),
      }));
      if (found.events + found.deliveries > 0)
        logger.warn(found, 'events and deliveries without a job are enqueued again');
    },
  };
};
