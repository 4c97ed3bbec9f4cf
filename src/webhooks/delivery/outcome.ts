import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { WebhookOutcome } from '#src/kernel/ports/webhooks.ts';
import type { DeliveryState } from '../entities.ts';
import type { Attempt, DeliveryIds } from './attempt.ts';
import type { ApplyOutcome } from './disabling.ts';

export type OutcomesDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly applyOutcome: ApplyOutcome;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
};

export type Outcomes = {
  /** Stores the attempt, and what it means for the webhook, in one transaction. */
  readonly record: (ids: DeliveryIds, type: string, attempt: Attempt) => Promise<void>;
  /** Marks a delivery as dead without an attempt. */
  readonly giveUp: (ids: DeliveryIds) => Promise<void>;
  /** Counts and logs the attempt. */
  readonly report: (ids: DeliveryIds, type: string, attempt: Attempt) => void;
};

const stateAfter = (outcome: WebhookOutcome): DeliveryState =>
  outcome === 'delivered' ? 'delivered' : outcome === 'failed' ? 'waiting' : 'dead';

export const createOutcomes = ({ unitOfWork, applyOutcome, clock, metrics, logger }: OutcomesDeps): Outcomes => ({
  record: ({ webhookId, eventId }, type, { outcome, status, durationMs }) =>
    unitOfWork.run({ operation: 'webhook.delivery' }, async (transaction) => {
      const recorded = await transaction.query(
        `update webhook_delivery set state = $3, attempts = attempts + 1, status_code = $4, outcome = $5,
           duration_ms = $6, attempted_at = $7
         where webhook_id = $1 and event_id = $2 and state = 'waiting' returning 1`,
        [webhookId, eventId, stateAfter(outcome), status, outcome, durationMs, clock.now()],
      );
      if (recorded.length > 0 && outcome !== 'failed') await applyOutcome(transaction, webhookId, type, outcome);
    }),

  giveUp: ({ webhookId, eventId }) =>
    unitOfWork.run({ operation: 'webhook.delivery' }, async ({ query }) => {
      await query(`update webhook_delivery set state = 'dead' where webhook_id = $1 and event_id = $2`, [
        webhookId,
        eventId,
      ]);
    }),

  report: ({ webhookId, eventId }, type, { outcome, status, durationMs, error }) => {
    metrics.count('volwatch_webhook_deliveries_total', { outcome });
    metrics.observe('volwatch_webhook_delivery_duration_seconds', { outcome }, durationMs / 1_000);
    const fields = {
      webhook_id: webhookId,
      event_id: eventId,
      event_type: type,
      outcome,
      duration_ms: durationMs,
      ...(status !== null && { receiver_status: status }),
    };
    if (outcome === 'delivered') logger.info(fields, 'a webhook was delivered');
    else logger.warn({ ...fields, code: codeOf(error) }, 'a webhook was not delivered');
  },
});
