import type { Json } from './audit.ts';
import type { Scope } from '../requests/principal.ts';
import type { Transaction } from './unit-of-work.ts';

/** The scope for reading refreshes. An owner must have it to register a webhook, and for each delivery. */
export const webhookScope = 'market:refresh' satisfies Scope;

/** Closed set: the events that a webhook can subscribe to. */
export const webhookEventTypes = ['refresh.succeeded', 'refresh.failed', 'refresh.rolled_back'] as const;
export type WebhookEventType = (typeof webhookEventTypes)[number];

/**
 * The result of an attempt at a delivery: accepted, will be retried, given up, or refused for ever by the receiver
 * (410).
 */
export const webhookOutcomes = ['delivered', 'failed', 'dead', 'gone'] as const;
export type WebhookOutcome = (typeof webhookOutcomes)[number];

/**
 * Stores an event, and the job that delivers it to all webhooks with a subscription to `type`, in `transaction`. So
 * both exist only after its commit.
 */
export type Announce = (
  transaction: Transaction,
  event: { readonly type: WebhookEventType; readonly data: { readonly [name: string]: Json } },
) => Promise<void>;
