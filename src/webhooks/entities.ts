import { defineEntity, p, type InferEntity } from '@mikro-orm/core';
import type { WebhookEventType, WebhookOutcome } from '#src/kernel/ports/webhooks.ts';

/** Why a webhook is disabled. `gone`: its receiver answered 410. `failing`: several deliveries in a row were given up. */
export const disabledReasons = ['gone', 'failing'] as const;
export type DisabledReason = (typeof disabledReasons)[number];

export const deliveryStates = ['waiting', 'delivered', 'dead'] as const;
export type DeliveryState = (typeof deliveryStates)[number];

export const WebhookEntity = defineEntity({
  name: 'Webhook',
  tableName: 'webhook',
  indexes: [{ name: 'webhook_owner_index', properties: ['ownerKind', 'ownerId', 'id'] }],
  properties: {
    id: p.uuid().primary(),
    ownerKind: p.text().$type<'user' | 'client'>(),
    ownerId: p.text(),
    url: p.text(),
    events: p.array().$type<WebhookEventType[]>(),
    /** The secret is derived from the id and this version. It is not stored. */
    secretVersion: p.integer().default(1),
    rotatedAt: p.datetime().nullable(),
    /** The version before the first of the rotations whose overlaps follow each other. Null: the one before `secretVersion`. */
    overlapVersion: p.integer().nullable(),
    /** Deliveries that were given up since the last delivery that arrived. */
    deadInRow: p.integer().default(0),
    disabledAt: p.datetime().nullable(),
    disabledReason: p.text().$type<DisabledReason>().nullable(),
    createdAt: p.datetime(),
  },
});

export type StoredWebhook = InferEntity<typeof WebhookEntity>;

/** The outbox. `body` holds the exact bytes that are signed and sent. */
export const WebhookEventEntity = defineEntity({
  name: 'WebhookEvent',
  tableName: 'webhook_event',
  indexes: [{ name: 'webhook_event_waiting_index', properties: ['id'], where: 'fanned_out_at is null' }],
  properties: {
    id: p.uuid().primary(),
    type: p.text(),
    body: p.text(),
    occurredAt: p.datetime(),
    fannedOutAt: p.datetime().nullable(),
  },
});

/** The delivery of one event to one webhook, with the result of the last attempt. */
export const WebhookDeliveryEntity = defineEntity({
  name: 'WebhookDelivery',
  tableName: 'webhook_delivery',
  indexes: [
    { name: 'webhook_delivery_event_index', properties: ['event'] },
    { name: 'webhook_delivery_state_index', properties: ['webhook', 'state'] },
    { name: 'webhook_delivery_waiting_index', properties: ['createdAt'], where: "state = 'waiting'" },
  ],
  properties: {
    // Without a foreign key, because each new delivery would lock its webhook, and the end of an owner would wait for the lock.
    webhook: () => p.manyToOne(WebhookEntity).primary().createForeignKeyConstraint(false),
    event: () => p.manyToOne(WebhookEventEntity).primary().updateRule('no action').deleteRule('cascade'),
    state: p.text().$type<DeliveryState>(),
    attempts: p.integer().default(0),
    statusCode: p.integer().nullable(),
    outcome: p.text().$type<WebhookOutcome>().nullable(),
    durationMs: p.integer().nullable(),
    attemptedAt: p.datetime().nullable(),
    createdAt: p.datetime(),
  },
});

export const webhookEntities = [WebhookEntity, WebhookEventEntity, WebhookDeliveryEntity];
