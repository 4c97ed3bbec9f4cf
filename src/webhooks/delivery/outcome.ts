import { LockMode } from '@mikro-orm/core';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { WebhookOutcome } from '#src/kernel/ports/webhooks.ts';
import { WebhookDeliveryEntity, type DeliveryState } from '../entities.ts';
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

/** The delivery as an entity. It is locked until the end of the transaction. */
const findWaiting = ({ em }: Transaction, { webhookId, eventId }: DeliveryIds) =>
  em.findOne(
    WebhookDeliveryEntity,
    { webhook: webhookId, event: eventId, state: 'waiting' },
    { lockMode: LockMode.PESSIMISTIC_WRITE },
  );

export const createOutcomes = ({ unitOfWork, applyOutcome, clock, metrics, logger }: OutcomesDeps): Outcomes => ({
  record: (ids, type, { outcome, status, durationMs }) =>
    unitOfWork.run({ operation: 'webhook.delivery' }, async (transaction) => {
      // The order of the locks is that of a deletion.
      if (outcome !== 'failed') {
        await transaction.query('select 1 from webhook where id = $1 for no key update', [ids.webhookId]);
      }
      const delivery = await findWaiting(transaction, ids);
      // A worker whose lease had expired has recorded the delivery, or the webhook was deleted.
      if (!delivery) return;
      Object.assign(delivery, {
        state: stateAfter(outcome),
        attempts: delivery.attempts + 1,
        statusCode: status,
        outcome,
        durationMs,
        attemptedAt: clock.now(),
      });
      if (outcome !== 'failed') await applyOutcome(transaction, ids.webhookId, type, outcome);
    }),

  giveUp: (ids) =>
    unitOfWork.run({ operation: 'webhook.delivery' }, async (transaction) => {
      const delivery = await findWaiting(transaction, ids);
      if (delivery) delivery.state = 'dead';
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
