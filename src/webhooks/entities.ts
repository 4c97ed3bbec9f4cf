import { defineEntity, p } from '@mikro-orm/core';
import type { WebhookOutcome } from '#src/kernel/ports/webhooks.ts';

/** Why a webhook is left alone: its receiver answered 410, or one delivery after the other was given up. */
export const disabledReasons = ['gone', 'failing'] as const;
export type DisabledReason = (typeof disabledReasons)[number];

export const deliveryStates = ['waiting', 'delivered', 'dead'] as const;
export type DeliveryState = (typeof deliveryStates)[number];

const WebhookEntity = defineEntity({
  name: 'Webhook',
  tableName: 'webhook',
  indexes: [{ name: 'webhook_owner_index', properties: ['ownerKind', 'ownerId', 'id'] }],
  properties: {
    id: p.uuid().primary(),
    ownerKind: p.text().$type<'user' | 'client'>(),
    ownerId: p.text(),
    url: p.text(),
    events: p.array(),
    /** The secret is derived from id and version; nothing of it is stored. */
    secretVersion: p.integer().default(1),
    rotatedAt: p.datetime().nullable(),
    /** Deliveries given up since the last that arrived. */
    deadInRow: p.integer().default(0),
    disabledAt: p.datetime().nullable(),
    disabledReason: p.text().$type<DisabledReason>().nullable(),
    createdAt: p.datetime(),
  },
});

/** The outbox: `body` is what is signed and sent, byte for byte. */
const WebhookEventEntity = defineEntity({
  name: 'WebhookEvent',
  tableName: 'webhook_event',
  properties: {
    id: p.uuid().primary(),
    type: p.text(),
    body: p.text(),
    occurredAt: p.datetime(),
    fannedOutAt: p.datetime().nullable(),
  },
});

/** One event to one webhook, with what came of the last attempt. */
const WebhookDeliveryEntity = defineEntity({
  name: 'WebhookDelivery',
  tableName: 'webhook_delivery',
  indexes: [{ name: 'webhook_delivery_event_index', properties: ['event'] }],
  properties: {
    webhook: () => p.manyToOne(WebhookEntity).primary().updateRule('no action').deleteRule('cascade'),
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
