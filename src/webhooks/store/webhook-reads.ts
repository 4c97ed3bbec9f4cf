import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import { notFound, ownerOf } from './webhook-owner.ts';
import type { Delivery, Webhook, Webhooks } from '../webhook.ts';

const columns = `id, url, events, case when disabled_at is null then 'active' else 'disabled' end as status,
  disabled_reason, disabled_at, rotated_at, created_at`;
/** SQL condition: created on the days from $1 to $2. A null means no bound. */
const createdWithin = `($1::date is null or created_at >= $1::date::timestamp at time zone 'UTC')
  and ($2::date is null or created_at < ($2::date + 1)::timestamp at time zone 'UTC')`;

/** Reads that change nothing, so they need no transaction. */
export const createWebhookReads = ({
  reader,
}: {
  readonly reader: Reader;
}): Pick<Webhooks, 'find' | 'list' | 'deliveries'> => {
  const find: Webhooks['find'] = async (principal, id) => {
    const [webhook] = await reader.query<Webhook>(
      `select ${columns} from webhook where id = $3 and owner_kind = $1 and owner_id = $2`,
      [...ownerOf(principal), id],
    );
    if (!webhook) throw notFound();
    return webhook;
  };

  return {
    find,

    list: (principal, { after, from, to, limit }) =>
      reader.query<Webhook>(
        `select ${columns} from webhook
         where ${createdWithin} and ($3::uuid is null or id > $3) and owner_kind = $5 and owner_id = $6
         order by id limit $4`,
        [from, to, after, limit, ...ownerOf(principal)],
      ),

    deliveries: async (principal, id, { after, from, to, limit }) => {
      await find(principal, id);
      return reader.query<Delivery>(
        `select event_id, type, state, attempts, status_code as status, outcome, duration_ms, attempted_at, created_at
         from webhook_delivery join webhook_event on webhook_event.id = event_id
         where ${createdWithin} and ($3::uuid is null or event_id < $3) and webhook_id = $5
         order by event_id desc limit $4`,
        [from, to, after, limit, id],
      );
    },
  };
};
