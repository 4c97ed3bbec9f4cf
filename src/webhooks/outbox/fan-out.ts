import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import type { JobHandler } from '#src/kernel/ports/jobs.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { StoreDeliveries, Subscriber } from './deliveries.ts';

export type FanOutDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly storeDeliveries: StoreDeliveries;
  readonly abuse: AbuseReport;
  readonly logger: Logger;
};

/** Webhooks of one transaction. */
const maxOfPart = 200;
/**
 * Max deliveries of an owner that wait. A receiver that answers late takes one in ten seconds, and events can come faster. Further events are not sent. Not by
 * webhook, because each look into the queue reads the jobs of all owners whose receivers are late.
 */
const maxWaiting = 1_000;
/** A webhook with less gets the event all the same, so that one late receiver does not use up the number for the others of its owner. */
const shareOfWebhook = 100;
const maxLoggedIds = 10;

type Candidate = Subscriber & { readonly of_owner: number; readonly of_webhook: number };
type Part = { readonly full: readonly string[]; readonly lastId: string | undefined };

const none: Part = { full: [], lastId: undefined };

// SQL: no webhook is locked, because changes by requests would wait for the lock. A delivery of a webhook that is deleted meanwhile is not sent.
const nextSql = `
  with part as (
    select id, owner_kind, owner_id from webhook
    where disabled_at is null and $1 = any(events) and ($2::uuid is null or id > $2) order by id limit $3
  ), owner as (
    select owner_kind, owner_id, (
      select count(*)::int from (
        select 1 from webhook owned join webhook_delivery on webhook_id = owned.id
        where owned.owner_kind = each.owner_kind and owned.owner_id = each.owner_id and state = 'waiting' limit $4
      ) as delivery
    ) as waiting from (select distinct owner_kind, owner_id from part) as each
  )
  select id, owner_kind || ':' || owner_id as owner, owner.waiting as of_owner, (
    select count(*)::int from (
      select 1 from webhook_delivery where webhook_id = part.id and state = 'waiting' limit $5
    ) as delivery
  ) as of_webhook from part join owner using (owner_kind, owner_id) order by id`;

const isFull = ({ of_owner: ofOwner, of_webhook: ofWebhook }: Candidate): boolean =>
  ofOwner >= maxWaiting && ofWebhook >= shareOfWebhook;

/**
 * The handler of the queue of events. It creates one delivery for each webhook that subscribes to the event, in parts, because a part holds the turns of its
 * owners. A job that is repeated creates those that are missing.
 */
export const createFanOut = ({ unitOfWork, storeDeliveries, abuse, logger }: FanOutDeps): JobHandler => {
  const storePart = async (transaction: Transaction, eventId: string, after: string | null): Promise<Part> => {
    const { query } = transaction;
    const [event] = await query<{ type: string }>(
      'select type from webhook_event where id = $1 and fanned_out_at is null for no key update',
      [eventId],
    );
    // The event was removed by retention, or a worker whose lease had expired did the job after all.
    if (!event) return none;
    const webhooks = await query<Candidate>(nextSql, [event.type, after, maxOfPart, maxWaiting, shareOfWebhook]);
    await storeDeliveries(
      transaction,
      eventId,
      webhooks.filter((each) => !isFull(each)),
    );
    const full = webhooks.filter(isFull).map(({ id }) => id);
    if (webhooks.length === maxOfPart) return { full, lastId: webhooks.at(-1)!.id };
    await query('update webhook_event set fanned_out_at = now() where id = $1', [eventId]);
    return { full, lastId: undefined };
  };

  const report = (eventId: string, full: readonly string[]): void => {
    if (full.length === 0) return;
    for (const _ of full) abuse.refused('storage_quota');
    logger.warn(
      { event_id: eventId, webhook_ids: full.slice(0, maxLoggedIds), webhooks: full.length },
      'an event is not sent to webhooks whose owner has too many waiting deliveries',
    );
  };

  return async ({ event_id: eventId = '' }, signal) => {
    let after: string | null = null;
    do {
      signal.throwIfAborted();
      const { full, lastId }: Part = await unitOfWork.run({ operation: 'webhook.fan_out' }, (transaction) =>
        storePart(transaction, eventId, after),
      );
      report(eventId, full);
      after = lastId ?? null;
    } while (after !== null);
  };
};
