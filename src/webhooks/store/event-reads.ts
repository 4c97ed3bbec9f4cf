import type { JobSetEnqueuer } from '#src/kernel/ports/jobs.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { Subscriber } from '../outbox/deliveries.ts';

export type EventReadsDeps = { readonly reader: Reader; readonly jobs: Pick<JobSetEnqueuer, 'lacksJob'> };

export type WaitingDelivery = Subscriber & { readonly event_id: string };

/** The oldest ones without a job, up to 1,000 each. */
export type EventReads = {
  /** @returns the ids of events that are not distributed */
  readonly waitingEvents: () => Promise<readonly string[]>;
  /** @returns deliveries that wait for longer than a day. With the default settings all attempts take an hour or two. */
  readonly oldDeliveries: () => Promise<readonly WaitingDelivery[]>;
};

export const createEventReads = ({ reader, jobs }: EventReadsDeps): EventReads => ({
  waitingEvents: async () => {
    const rows = await reader.query<{ id: string }>(
      `select id from webhook_event
       where fanned_out_at is null and ${jobs.lacksJob('webhook_event', 'webhook_event.id::text')} order by id limit 1000`,
    );
    return rows.map(({ id }) => id);
  },

  oldDeliveries: () =>
    reader.query<WaitingDelivery>(
      `select webhook_id as id, event_id, owner_kind || ':' || owner_id as owner
       from webhook_delivery delivery join webhook on webhook.id = webhook_id
       where state = 'waiting' and delivery.created_at < now() - interval '1 day'
         and ${jobs.lacksJob('webhook_delivery', `webhook_id || '/' || event_id`)} order by delivery.created_at limit 1000`,
    ),
});
