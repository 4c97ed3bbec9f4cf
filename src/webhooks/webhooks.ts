import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import { createWebhookChanges, type WebhookChangesDeps } from './store/webhook-changes.ts';
import { createWebhookReads } from './store/webhook-reads.ts';
import type { Webhooks } from './webhook.ts';

export type WebhooksDeps = WebhookChangesDeps & { readonly reader: Reader };

export const createWebhooks = (deps: WebhooksDeps): Webhooks => ({
  ...createWebhookReads(deps),
  ...createWebhookChanges(deps),
});
