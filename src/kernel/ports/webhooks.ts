import type { Json } from './audit.ts';
import type { Scope } from '../requests/principal.ts';
import type { Transaction } from './unit-of-work.ts';

/** What refreshes are read with: an owner must hold it to register a webhook and for each delivery. */
export const webhookScope = 'market:refresh' satisfies Scope;

/** Closed set: what webhooks may subscribe to. */
export const webhookEventTypes = ['refresh.succeeded', 'refresh.failed', 'refresh.rolled_back'] as const;
export type WebhookEventType = (typeof webhookEventTypes)[number];

/** How an attempt at a delivery ended: arrived, to be tried again, given up, or told (410) that nobody is there any more. */
export const webhookOutcomes = ['delivered', 'failed', 'dead', 'gone'] as const;
export type WebhookOutcome = (typeof webhookOutcomes)[number];

/**
 * Tells the webhooks that subscribe to `type`, as part of `transaction`: the event and the job that carries it out are
 * there after its commit, or never.
 */
export type Announce = (
  transaction: Transaction,
  event: { readonly type: WebhookEventType; readonly data: { readonly [name: string]: Json } },
) => Promise<void>;
