import { LockMode } from '@mikro-orm/core';
import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import type { AuditAction, AuditTrail, Json } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { assertBelowOwnerQuota } from '#src/kernel/lists/owner-quota.ts';
import { takeOwnerTurn } from '#src/kernel/lists/owner-turn.ts';
import type { Owners } from '#src/kernel/ports/owners.ts';
import type { PageRequest } from '#src/kernel/lists/pages.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { assertWithinQuota } from '#src/kernel/lists/storage-quota.ts';
import type { Reader, Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { webhookScope, type WebhookEventType, type WebhookOutcome } from '#src/kernel/ports/webhooks.ts';
import type { testEventType } from './event-types.ts';
import { WebhookEntity, type DeliveryState, type DisabledReason, type StoredWebhook } from './entities.ts';
import type { Outbox } from './outbox.ts';
import type { WebhookSecrets } from './signatures.ts';

export type WebhooksDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly reader: Reader;
  readonly audit: AuditTrail;
  readonly owners: Owners;
  readonly secrets: WebhookSecrets;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly ids: () => string;
  readonly maxPerOwner: number;
  readonly maxTestsPerOwner: number;
  readonly abuse: AbuseReport;
};

/** A webhook as its owner sees it. The secret is shown only at creation and at rotation. */
export type Webhook = {
  readonly id: string;
  readonly url: string;
  readonly events: WebhookEventType[];
  readonly status: 'active' | 'disabled';
  readonly disabled_reason: DisabledReason | null;
  readonly disabled_at: Date | null;
  readonly rotated_at: Date | null;
  readonly created_at: Date;
};

export type Delivery = {
  /** The receiver gets it as `webhook-id`. */
  readonly event_id: string;
  readonly type: WebhookEventType | typeof testEventType;
  readonly state: DeliveryState;
  readonly attempts: number;
  /** Status of the last attempt. `outcome`, `duration_ms` and `attempted_at` belong to the last attempt too. */
  readonly status: number | null;
  readonly outcome: WebhookOutcome | null;
  readonly duration_ms: number | null;
  readonly attempted_at: Date | null;
  readonly created_at: Date;
};

type WithSecret = Webhook & { readonly secret: string };

/**
 * Each method throws AppError `resource_not_found` for a webhook that does not exist or has another owner, and
 * `scope_insufficient` for API keys.
 */
export type Webhooks = {
  /** @throws AppError `validation_failed` when the owner has the max number of webhooks */
  readonly register: (
    owner: Principal,
    wanted: { readonly url: string; readonly events: readonly WebhookEventType[] },
  ) => Promise<WithSecret>;
  /** The oldest webhook comes first. */
  readonly list: (owner: Principal, page: PageRequest) => Promise<readonly Webhook[]>;
  readonly find: (owner: Principal, id: string) => Promise<Webhook>;
  readonly remove: (owner: Principal, id: string) => Promise<void>;
  /** Gives the webhook a new secret. For a limited time the previous secret signs too. */
  readonly rotate: (owner: Principal, id: string) => Promise<WithSecret>;
  /**
   * Sends a `webhook.test`, also to a disabled webhook. A test that arrives enables the webhook.
   * @returns the id of the event
   * @throws AppError `quota_exceeded` when the stored tests of the owner reach their max number
   */
  readonly test: (owner: Principal, id: string) => Promise<string>;
  /** The newest delivery comes first. */
  readonly deliveries: (owner: Principal, id: string, page: PageRequest) => Promise<readonly Delivery[]>;
};

const columns = `id, url, events, case when disabled_at is null then 'active' else 'disabled' end as status,
  disabled_reason, disabled_at, rotated_at, created_at`;
const shownTo = (webhook: StoredWebhook): Webhook => ({
  id: webhook.id,
  url: webhook.url,
  events: webhook.events,
  status: webhook.disabledAt ? 'disabled' : 'active',
  disabled_reason: webhook.disabledReason ?? null,
  disabled_at: webhook.disabledAt ?? null,
  rotated_at: webhook.rotatedAt ?? null,
  created_at: webhook.createdAt,
});
/** SQL condition: created on the days from $1 to $2. A null means no bound. */
const createdWithin = `($1::date is null or created_at >= $1::date::timestamp at time zone 'UTC')
  and ($2::date is null or created_at < ($2::date + 1)::timestamp at time zone 'UTC')`;

const notFound = (): AppError => new AppError('resource_not_found', 'There is no such webhook');

/** An API key has no webhooks, because a webhook made with a leaked key would outlive the key. */
const ownerOf = ({ kind, subject }: Principal): readonly [kind: 'user' | 'client', id: string] => {
  if (kind === 'api_key') throw new AppError('scope_insufficient', 'An API key cannot manage webhooks');
  return [kind, subject];
};

export const createWebhooks = (deps: WebhooksDeps): Webhooks => {
  const { unitOfWork, reader, audit, owners, secrets, outbox, clock, ids, maxPerOwner, maxTestsPerOwner, abuse } = deps;

  const record = (
    transaction: Transaction,
    id: string,
    action: AuditAction,
    data: { readonly [name: string]: Json } = {},
  ): Promise<void> =>
    audit.record(transaction, { stream: `webhook:${id}`, action, outcome: 'success', target: id, data });

  /** Limits the stored tests of an owner, because each test stores an event, a delivery and a job. */
  const assertTestQuota = async ({ query }: Transaction, owner: readonly [string, string]): Promise<void> => {
    await takeOwnerTurn(query, `webhook tests of ${owner.join(':')}`);
    const [kept] = await query<{ tests: number }>(
      `select count(*)::int as tests from webhook join webhook_delivery on webhook_id = webhook.id
         join webhook_event event on event.id = event_id
       where owner_kind = $1 and owner_id = $2 and type = 'webhook.test'`,
      owner,
    );
    assertWithinQuota(abuse, {
      quota: 'webhook_tests',
      wanted: kept!.tests + 1,
      max: maxTestsPerOwner,
      unit: 'events',
      remedy: 'Wait until earlier test events are removed.',
    });
  };

  const find: Webhooks['find'] = async (principal, id) => {
    const [webhook] = await reader.query<Webhook>(
      `select ${columns} from webhook where id = $3 and owner_kind = $1 and owner_id = $2`,
      [...ownerOf(principal), id],
    );
    if (!webhook) throw notFound();
    return webhook;
  };

  /** The webhook as an entity. It is locked until the end of the transaction. */
  const findForChange = async ({ em }: Transaction, principal: Principal, id: string): Promise<StoredWebhook> => {
    const [ownerKind, ownerId] = ownerOf(principal);
    const lockMode = LockMode.PESSIMISTIC_WRITE;
    const webhook = await em.findOne(WebhookEntity, { id, ownerKind, ownerId }, { lockMode });
    if (!webhook) throw notFound();
    return webhook;
  };

  return {
    find,

    register: async (principal, { url, events }) => {
      const owner = ownerOf(principal);
      const held = await owners.scopesFor({ kind: owner[0], id: owner[1] }, principal.scopes);
      if (!held?.includes(webhookScope)) {
        const detail = `A webhook needs an owner that has an account here and holds ${webhookScope}`;
        throw new AppError('scope_insufficient', detail);
      }
      return unitOfWork.run({ operation: 'webhook.change' }, async (transaction) => {
        await assertBelowOwnerQuota(transaction, {
          lockName: `webhooks of ${owner.join(':')}`,
          statement: 'select 1 from webhook where owner_kind = $1 and owner_id = $2',
          parameters: owner,
          max: maxPerOwner,
        });
        const id = ids();
        const [ownerKind, ownerId] = owner;
        const wanted = { id, ownerKind, ownerId, url, events: [...events], createdAt: clock.now() };
        const webhook = transaction.em.create(WebhookEntity, wanted);
        // The URL may hold a key of the receiver, so it must not be in the audit trail, which is never deleted.
        await record(transaction, id, 'webhook.created', { owner_kind: owner[0], owner_id: owner[1], events });
        return { ...shownTo(webhook), secret: secrets.of(id, 1) };
      });
    },

    list: (principal, { after, from, to, limit }) =>
      reader.query<Webhook>(
        `select ${columns} from webhook
         where ${createdWithin} and ($3::uuid is null or id > $3) and owner_kind = $5 and owner_id = $6
         order by id limit $4`,
        [from, to, after, limit, ...ownerOf(principal)],
      ),

    remove: async (principal, id) => {
      await unitOfWork.run({ operation: 'webhook.change' }, async (transaction) => {
        const webhook = await findForChange(transaction, principal, id);
        // Test events belong to this webhook only. Left behind, they would be stored but not counted in the quota.
        await transaction.query(
          `delete from webhook_event event using webhook_delivery
           where event_id = event.id and webhook_id = $1 and event.type = 'webhook.test'`,
          [id],
        );
        transaction.em.remove(webhook);
        await record(transaction, id, 'webhook.deleted');
      });
    },

    rotate: (principal, id) =>
      unitOfWork.run({ operation: 'webhook.change' }, async (transaction) => {
        const webhook = await findForChange(transaction, principal, id);
        const version = webhook.secretVersion + 1;
        webhook.secretVersion = version;
        webhook.rotatedAt = clock.now();
        await record(transaction, id, 'webhook.rotated', { version });
        return { ...shownTo(webhook), secret: secrets.of(id, version) };
      }),

    test: async (principal, id) => {
      const owner = ownerOf(principal);
      return unitOfWork.run({ operation: 'webhook.change' }, async (transaction) => {
        // SQL, because MikroORM has no lock as weak as this one, which lets deliveries change the webhook.
        const [found] = await transaction.query(
          'select 1 from webhook where id = $3 and owner_kind = $1 and owner_id = $2 for key share',
          [...owner, id],
        );
        if (!found) throw notFound();
        await assertTestQuota(transaction, owner);
        return outbox.test(transaction, { id, owner: owner.join(':') });
      });
    },

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
