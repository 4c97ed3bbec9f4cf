import { LockMode } from '@mikro-orm/core';
import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { JobHandler, OpenableJobs } from '#src/kernel/ports/jobs.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { WebhookDeliveryEntity, WebhookEntity, WebhookEventEntity } from './entities.ts';
import { testEventType } from './event-types.ts';
import { createEventReads, type EventReadsDeps } from './store/event-reads.ts';
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

/**
 * Max deliveries of a webhook that wait. A receiver that answers late takes one in ten seconds, and events can come faster. Further events are not sent to it.
 */
const maxWaiting = 1_000;
const maxLoggedIds = 10;

/** `owner` is `KIND:ID`. It is the group of the jobs: groups take turns, so slow receivers delay mostly the owner's own deliveries. */
type Subscriber = { readonly id: string; readonly owner: string };

export type Outbox = {
  readonly announce: Announce;
  /** Stores a `webhook.test` event for this webhook only. @returns the id of the event */
  readonly test: (transaction: Transaction, webhook: Subscriber) => Promise<string>;
  /** Creates one delivery for each webhook that subscribes to the event. */
  readonly fanOut: JobHandler;
  /** Enqueues the events without deliveries: they were stored before the queues were open, or their job failed. */
  readonly resume: () => Promise<void>;
};

type NewEvent = {
  readonly type: WebhookEventType | typeof testEventType;
  readonly data: Readonly<Record<string, unknown>>;
};

export const createOutbox = (deps: OutboxDeps): Outbox => {
  const { unitOfWork, jobs, clock, ids, abuse, logger } = deps;
  const waitingEvents = createEventReads(deps);

  /** The body is serialised once, so that each attempt to each receiver sends the same bytes. */
  const eventOf = ({ type, data }: NewEvent) => {
    const at = clock.now();
    return { id: ids(), type, at, body: JSON.stringify({ type, timestamp: at.toISOString(), data }) };
  };

  const enqueueEvent = (transaction: Transaction, id: string): Promise<boolean> =>
    jobs.enqueue(transaction, 'webhook_event', { key: id, data: { event_id: id } });

  /** Called once for each event: only the transaction that sets `fannedOutAt` does it. */
  const deliver = async (transaction: Transaction, eventId: string, webhooks: readonly Subscriber[]): Promise<void> => {
    const { em } = transaction;
    const event = em.getReference(WebhookEventEntity, eventId);
    for (const { id } of webhooks) {
      const webhook = em.getReference(WebhookEntity, id);
      em.create(WebhookDeliveryEntity, { webhook, event, state: 'waiting', createdAt: clock.now() });
    }
    await em.flush();
    for (const { id, owner } of webhooks.toSorted((a, b) => (a.owner < b.owner ? -1 : 1))) {
      const data = { webhook_id: id, event_id: eventId };
      await jobs.enqueue(transaction, 'webhook_delivery', { key: `${id}/${eventId}`, group: owner, data });
    }
  };

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
        if (stored.length > 0 && jobs.isOpen()) await enqueueEvent(transaction, id);
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
      await deliver(transaction, id, [webhook]);
      return id;
    },

    fanOut: async ({ event_id: id = '' }) => {
      await unitOfWork.run({ operation: 'webhook.fan_out' }, async (transaction) => {
        const { em, query } = transaction;
        const lockMode = LockMode.PESSIMISTIC_WRITE;
        const event = await em.findOne(WebhookEventEntity, { id, fannedOutAt: null }, { lockMode });
        // The event was removed by retention, or a worker whose lease had expired did the job after all.
        if (!event) return;
        event.fannedOutAt = clock.now();
        // The lock keeps webhooks from being deleted until their deliveries are stored. Without it one deletion would fail the deliveries of all.
        const webhooks = await query<Subscriber & { readonly waiting: number }>(
          `select id, owner_kind || ':' || owner_id as owner, (
             select count(*)::int from (
               select 1 from webhook_delivery where webhook_id = webhook.id and state = 'waiting' limit $2
             ) as delivery
           ) as waiting from webhook
           where disabled_at is null and $1 = any(events) order by id for key share`,
          [event.type, maxWaiting],
        );
        const full = webhooks.filter(({ waiting }) => waiting >= maxWaiting);
        for (const _ of full) abuse.refused('storage_quota');
        if (full.length > 0) {
          const webhookIds = full.slice(0, maxLoggedIds).map((webhook) => webhook.id);
          logger.warn(
            { event_id: id, webhook_ids: webhookIds, webhooks: full.length },
            'an event is not sent to webhooks with too many waiting deliveries',
          );
        }
        await deliver(
          transaction,
          id,
          webhooks.filter(({ waiting }) => waiting < maxWaiting),
        );
      });
    },

    resume: async () => {
      const pending = await waitingEvents();
      if (pending.length === 0) return;
      await unitOfWork.run({ operation: 'webhook.fan_out' }, async (transaction) => {
        for (const id of pending) await enqueueEvent(transaction, id);
      });
    },
  };
};
