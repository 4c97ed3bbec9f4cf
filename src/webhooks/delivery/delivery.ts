import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { JobHandler } from '#src/kernel/ports/jobs.ts';
import type { Owner, Owners } from '#src/kernel/ports/owners.ts';
import type { Query, Reader } from '#src/kernel/ports/unit-of-work.ts';
import { webhookScope } from '#src/kernel/ports/webhooks.ts';
import { isTest } from '../event-types.ts';
import { createAttempt, type AttemptDeps, type DeliveryIds, type PendingDelivery } from './attempt.ts';
import { createDisabling, type DisablingDeps } from './disabling.ts';
import { createOutcomes, type OutcomesDeps } from './outcome.ts';

export type DeliveryDeps = AttemptDeps &
  DisablingDeps &
  Omit<OutcomesDeps, 'applyOutcome'> & {
    readonly reader: Reader;
    readonly owners: Owners;
    readonly abuse: AbuseReport;
  };

const readPending = async (query: Query, { webhookId, eventId }: DeliveryIds): Promise<PendingDelivery | undefined> => {
  const [row] = await query<PendingDelivery>(
    `select event.type, event.body, webhook.url, owner_kind, owner_id, webhook.secret_version, webhook.rotated_at,
       webhook.overlap_version, webhook.disabled_at
     from webhook_delivery delivery
     join webhook on webhook.id = delivery.webhook_id join webhook_event event on event.id = delivery.event_id
     where delivery.webhook_id = $1 and delivery.event_id = $2 and delivery.state = 'waiting'`,
    [webhookId, eventId],
  );
  return row;
};

/** The handler of the delivery queue. It does one attempt of one delivery; the queue retries when the handler throws. */
export const createDelivery = (deps: DeliveryDeps): JobHandler => {
  const attempt = createAttempt(deps);
  const outcomes = createOutcomes({ ...deps, applyOutcome: createDisabling(deps) });

  /** Events hold data that needs this scope, test events too. The owner must hold the scope at the time of delivery. */
  const mayReceive = async (owner: Owner): Promise<boolean> => {
    const scopes = await deps.owners.scopesFor(owner, [webhookScope]);
    if (!scopes) deps.abuse.refused('credential_without_owner');
    return scopes?.includes(webhookScope) ?? false;
  };

  return async ({ webhook_id: webhookId = '', event_id: eventId = '' }, signal, { last }) => {
    const ids = { webhookId, eventId };
    const delivery = await readPending(deps.reader.query, ids);
    // The webhook was deleted, or a worker whose lease had expired did the delivery after all.
    if (!delivery) return;
    const { type, url, owner_kind: kind, owner_id: id, disabled_at: disabledAt } = delivery;
    // The webhook was disabled, or its owner lost the scope, while the event was in the queue.
    if ((disabledAt !== null && !isTest(type)) || !(await mayReceive({ kind, id }))) {
      await outcomes.giveUp(ids);
      return;
    }
    const attributes = { 'server.address': new URL(url).hostname, 'volwatch.webhook.event': type };
    const tracer = trace.getTracer('volwatch.webhooks');
    await tracer.startActiveSpan('webhook.deliver', { kind: SpanKind.CLIENT, attributes }, async (span) => {
      try {
        // A test has one attempt, because its owner waits for the result.
        const made = await attempt(ids, delivery, signal, last || isTest(type));
        span.setAttribute('volwatch.webhook.outcome', made.outcome);
        if (made.status !== null) span.setAttribute('http.response.status_code', made.status);
        await outcomes.record(ids, type, made);
        outcomes.report(ids, type, made);
        if (made.outcome === 'delivered') return;
        span.setAttribute('error.type', codeOf(made.error));
        span.setStatus({ code: SpanStatusCode.ERROR });
        if (made.outcome !== 'gone' && !isTest(type)) throw made.error;
      } finally {
        span.end();
      }
    });
  };
};
