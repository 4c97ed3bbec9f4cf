import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { WebhookOutcome } from '#src/kernel/ports/webhooks.ts';
import { WebhookEntity, type DisabledReason, type StoredWebhook } from '../entities.ts';
import { isTest } from '../event-types.ts';

export type DisablingDeps = {
  readonly audit: AuditTrail;
  /** Number of dead deliveries in a row after which a webhook is disabled. */
  readonly disableAfter: number;
  readonly clock: Clock;
  readonly logger: Logger;
};

/**
 * Disables or enables a locked webhook by the outcome of a delivery, and counts its dead deliveries in a row. A test does not
 * count as dead. A test that arrives enables a disabled webhook.
 * @param type of the event
 */
export type ApplyOutcome = (
  transaction: Transaction,
  webhookId: string,
  type: string,
  outcome: WebhookOutcome,
) => Promise<void>;

export const createDisabling = ({ audit, disableAfter, clock, logger }: DisablingDeps): ApplyOutcome => {
  const disable = async (transaction: Transaction, webhook: StoredWebhook, reason: DisabledReason): Promise<void> => {
    webhook.disabledAt = clock.now();
    webhook.disabledReason = reason;
    await audit.record(transaction, {
      stream: `webhook:${webhook.id}`,
      action: 'webhook.disabled',
      outcome: 'success',
      target: webhook.id,
      data: { reason },
    });
    logger.warn({ webhook_id: webhook.id, reason }, 'a webhook is disabled');
  };

  const enable = async (transaction: Transaction, webhook: StoredWebhook): Promise<void> => {
    webhook.disabledAt = null;
    webhook.disabledReason = null;
    await audit.record(transaction, {
      stream: `webhook:${webhook.id}`,
      action: 'webhook.enabled',
      outcome: 'success',
      target: webhook.id,
    });
    logger.info({ webhook_id: webhook.id }, 'a webhook is enabled again');
  };

  return async (transaction, webhookId, type, outcome) => {
    const webhook = await transaction.em.findOne(WebhookEntity, { id: webhookId });
    if (!webhook) return;
    const isDisabled = webhook.disabledAt !== null;
    if (outcome === 'gone' && !isDisabled) await disable(transaction, webhook, 'gone');
    if (outcome === 'delivered' && isDisabled && isTest(type)) await enable(transaction, webhook);
    if (outcome === 'delivered') webhook.deadInRow = 0;
    if (outcome !== 'dead' || isTest(type)) return;
    webhook.deadInRow += 1;
    if (webhook.deadInRow >= disableAfter && !isDisabled) await disable(transaction, webhook, 'failing');
  };
};
