import { LockMode } from '@mikro-orm/core';
import { lockNames } from '#src/kernel/catalogue/lock-names.ts';
import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import type { DoneAction, AuditTrail, Json } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { assertBelowOwnerQuota } from '#src/kernel/lists/owner-quota.ts';
import { takeOwnerTurn } from '#src/kernel/lists/owner-turn.ts';
import type { Owners } from '#src/kernel/ports/owners.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { assertWithinQuota } from '#src/kernel/lists/storage-quota.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { webhookScope } from '#src/kernel/ports/webhooks.ts';
import { WebhookEntity, type StoredWebhook } from '../entities.ts';
import type { Outbox } from '../outbox/outbox.ts';
import { isInOverlap, type WebhookSecrets } from '../signatures.ts';
import { notFound, ownerOf } from './webhook-owner.ts';
import type { Webhook, Webhooks } from '../webhook.ts';

export type WebhookChangesDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly audit: AuditTrail;
  readonly owners: Owners;
  readonly secrets: WebhookSecrets;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly ids: () => string;
  /** For this time after a rotation, the secrets before it sign too. */
  readonly rotationMs: number;
  readonly maxPerOwner: number;
  readonly maxTestsPerOwner: number;
  readonly abuse: AbuseReport;
};

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

/** Changes, each of which is one unit of work. */
export const createWebhookChanges = (
  deps: WebhookChangesDeps,
): Pick<Webhooks, 'register' | 'remove' | 'rotate' | 'test'> => {
  const { unitOfWork, audit, owners, secrets, outbox, clock, ids, rotationMs } = deps;
  const { maxPerOwner, maxTestsPerOwner, abuse } = deps;

  const record = (
    transaction: Transaction,
    id: string,
    action: DoneAction,
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

  const lockNameOf = (principal: Principal): string => {
    const [kind, id] = ownerOf(principal);
    return lockNames.webhooks({ kind, id });
  };

  /** The transactions of requests for the webhooks of one owner. Those that wait for each other hold no connection. */
  const changeOf = (principal: Principal) => ({ operation: 'webhook.change', alone: lockNameOf(principal) }) as const;

  /** Must come in each change before a webhook is locked, because the transactions that end credentials come first to the turn and then to the webhooks. */
  const assertMayStore = ({ query }: Transaction, principal: Principal): Promise<void> => {
    const [kind, id] = ownerOf(principal);
    return owners.assertMayStore(query, { kind, id }, principal);
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
    register: async (principal, { url, events }) => {
      const owner = ownerOf(principal);
      const held = await owners.scopesFor({ kind: owner[0], id: owner[1] }, principal.scopes);
      if (!held?.includes(webhookScope)) {
        const detail = `A webhook needs an owner that has an account here and holds ${webhookScope}`;
        throw new AppError('scope_insufficient', detail);
      }
      return unitOfWork.run(changeOf(principal), async (transaction) => {
        await assertMayStore(transaction, principal);
        await assertBelowOwnerQuota(transaction, {
          lockName: lockNameOf(principal),
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

    remove: async (principal, id) => {
      await unitOfWork.run(changeOf(principal), async (transaction) => {
        await assertMayStore(transaction, principal);
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
      unitOfWork.run(changeOf(principal), async (transaction) => {
        await assertMayStore(transaction, principal);
        const webhook = await findForChange(transaction, principal, id);
        const now = clock.now();
        const version = webhook.secretVersion + 1;
        // The answer of a rotation can be lost. The repetition must not end the overlap of the secret that the receiver has.
        if (!isInOverlap(webhook.rotatedAt ?? null, now, rotationMs)) webhook.overlapVersion = webhook.secretVersion;
        webhook.overlapVersion ??= webhook.secretVersion - 1;
        webhook.secretVersion = version;
        webhook.rotatedAt = now;
        await record(transaction, id, 'webhook.rotated', { version });
        return { ...shownTo(webhook), secret: secrets.of(id, version) };
      }),

    test: async (principal, id) => {
      const owner = ownerOf(principal);
      return unitOfWork.run(changeOf(principal), async (transaction) => {
        await assertMayStore(transaction, principal);
        await assertTestQuota(transaction, owner);
        // SQL, because MikroORM has no lock as weak as this one, which lets deliveries change the webhook. It comes after the turn of the owner, because a
        // deletion would wait for ever if some test held it at each moment.
        const [found] = await transaction.query(
          'select 1 from webhook where id = $3 and owner_kind = $1 and owner_id = $2 for key share',
          [...owner, id],
        );
        if (!found) throw notFound();
        // A test can enable the webhook, and its receiver can disable it again. Their events stay for good, so tests count.
        await record(transaction, id, 'webhook.tested');
        return outbox.test(transaction, { id, owner: owner.join(':') });
      });
    },
  };
};
