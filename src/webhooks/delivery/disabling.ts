import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { WebhookOutcome } from '#src/kernel/ports/webhooks.ts';
import type { DisabledReason } from '../entities.ts';
import { isTest } from '../event-types.ts';

export type DisablingDeps = {
  readonly audit: AuditTrail;
  /** Number of dead deliveries in a row after which a webhook is disabled. */
  readonly disableAfter: number;
  readonly clock: Clock;
  readonly logger: Logger;
};

/**
 * Disables or enables a webhook by the outcome of a delivery, and counts its dead deliveries in a row. A test does not
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
  const disable = async (transaction: Transaction, webhookId: string, reason: DisabledReason): Promise<void> => {
    await transaction.query('update webhook set disabled_at = $2, disabled_reason = $3 where id = $1', [
      webhookId,
      clock.now(),
      reason,
    ]);
    await audit.record(transaction, {
      stream: `webhook:${webhookId}`,
      action: 'webhook.disabled',
      outcome: 'success',
      target: webhookId,
      data: { reason },
    });
    logger.warn({ webhook_id: webhookId, reason }, 'a webhook is disabled');
  };

  const enable = async (transaction: Transaction, webhookId: string): Promise<void> => {
    await transaction.query('update webhook set disabled_at = null, disabled_reason = null where id = $1', [webhookId]);
    await audit.record(transaction, {
      stream: `webhook:${webhookId}`,
      action: 'webhook.enabled',
      outcome: 'success',
      target: webhookId,
    });
    logger.info({ webhook_id: webhookId }, 'a webhook is enabled again');
  };

  return async (transaction, webhookId, type, outcome) => {
    const [webhook] = await transaction.query<{ dead_in_row: number; disabled_at: Date | null }>(
      'select dead_in_row, disabled_at from webhook where id = $1 for update',
      [webhookId],
    );
    if (!webhook) return;
    const isDisabled = webhook.disabled_at !== null;
    if (outcome === 'gone' && !isDisabled) await disable(transaction, webhookId, 'gone');
    if (outcome === 'delivered' && isDisabled && isTest(type)) await enable(transaction, webhookId);
    const dead = outcome === 'dead' && !isTest(type) ? webhook.dead_in_row + 1 : webhook.dead_in_row;
    const deadInRow = outcome === 'delivered' ? 0 : dead;
    if (deadInRow === webhook.dead_in_row) return;
    await transaction.query('update webhook set dead_in_row = $2 where id = $1', [webhookId, deadInRow]);
    if (deadInRow >= disableAfter && !isDisabled) await disable(transaction, webhookId, 'failing');
  };
};
