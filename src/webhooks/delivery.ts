import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import type { JobHandler } from '#src/kernel/ports/jobs.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Owner, Owners } from '#src/kernel/ports/owners.ts';
import type { Query, Reader, Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { webhookScope, type WebhookOutcome } from '#src/kernel/ports/webhooks.ts';
import type { DeliveryState, DisabledReason } from './entities.ts';
import type { Send } from './sender.ts';
import { signatureOf, type WebhookSecrets } from './signatures.ts';

export type DeliveryDependencies = {
  readonly unitOfWork: UnitOfWork;
  readonly reader: Reader;
  readonly audit: AuditTrail;
  readonly secrets: WebhookSecrets;
  readonly send: Send;
  readonly owners: Owners;
  readonly abuse: AbuseReport;
  /** Deliveries given up in a row, after which a webhook is left alone. */
  readonly disableAfter: number;
  /** How long after a rotation the secret before it signs too. */
  readonly rotationMs: number;
  readonly userAgent: string;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
};

type Waiting = {
  readonly type: string;
  readonly body: string;
  readonly url: string;
  readonly owner_kind: Owner['kind'];
  readonly owner_id: string;
  readonly secret_version: number;
  readonly rotated_at: Date | null;
  readonly disabled_at: Date | null;
};

type Ids = { readonly webhookId: string; readonly eventId: string };

type Attempt = {
  readonly outcome: WebhookOutcome;
  /** Of the answer; null when there was none. */
  readonly status: number | null;
  readonly durationMs: number;
  /** Why it did not arrive. */
  readonly error: unknown;
};

const gone = 410;
const isTest = (type: string): boolean => type === 'webhook.test';

const readWaiting = async (query: Query, { webhookId, eventId }: Ids): Promise<Waiting | undefined> => {
  const [row] = await query<Waiting>(
    `select event.type, event.body, webhook.url, owner_kind, owner_id, webhook.secret_version, webhook.rotated_at, webhook.disabled_at
     from webhook_delivery delivery
     join webhook on webhook.id = delivery.webhook_id join webhook_event event on event.id = delivery.event_id
     where delivery.webhook_id = $1 and delivery.event_id = $2 and delivery.state = 'waiting'`,
    [webhookId, eventId],
  );
  return row;
};

/** Does one attempt at one delivery; what it throws makes the queue try again. */
export const createDelivery = (deps: DeliveryDependencies): JobHandler => {
  const { unitOfWork, reader, audit, secrets, send, clock, metrics, logger } = deps;

  const headersOf = ({ webhookId, eventId }: Ids, waiting: Waiting): Record<string, string> => {
    const { body, secret_version: version, rotated_at: rotatedAt } = waiting;
    const now = clock.now();
    const timestamp = Math.floor(now.getTime() / 1_000);
    const rotating = rotatedAt !== null && now.getTime() - rotatedAt.getTime() < deps.rotationMs;
    const versions = rotating ? [version, version - 1] : [version];
    const sign = (each: number): string => signatureOf(secrets.of(webhookId, each), { id: eventId, timestamp, body });
    const headers = {
      'content-type': 'application/json',
      'user-agent': deps.userAgent,
      'webhook-id': eventId,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': versions.map(sign).join(' '),
    };
    propagation.inject(context.active(), headers);
    return headers;
  };

  const attempt = async (ids: Ids, waiting: Waiting, signal: AbortSignal, last: boolean): Promise<Attempt> => {
    const begun = clock.monotonic();
    const since = (): number => Math.round(clock.monotonic() - begun);
    const failed = last ? 'dead' : 'failed';
    try {
      const status = await send({ url: waiting.url, headers: headersOf(ids, waiting), body: waiting.body, signal });
      const answered = { status, durationMs: since() };
      if (status >= 200 && status < 300) return { ...answered, outcome: 'delivered', error: undefined };
      const error = new AppError('external_api_bad_response', `The receiver answered with status ${status}`);
      return { ...answered, outcome: status === gone ? 'gone' : failed, error };
    } catch (error) {
      // Cut short by us: that is no attempt, unless there will be no other.
      if (signal.aborted && !last) throw error;
      return { outcome: failed, status: null, durationMs: since(), error };
    }
  };

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

  /** What the delivery means for the webhook: tests do not count against it, and one that arrives enables it. */
  const consequences = async (transaction: Transaction, webhookId: string, type: string, outcome: WebhookOutcome) => {
    const [webhook] = await transaction.query<{ dead_in_row: number; disabled_at: Date | null }>(
      'select dead_in_row, disabled_at from webhook where id = $1 for update',
      [webhookId],
    );
    if (!webhook) return;
    const disabled = webhook.disabled_at !== null;
    if (outcome === 'gone' && !disabled) await disable(transaction, webhookId, 'gone');
    if (outcome === 'delivered' && disabled && isTest(type)) await enable(transaction, webhookId);
    const dead = outcome === 'dead' && !isTest(type) ? webhook.dead_in_row + 1 : webhook.dead_in_row;
    const inRow = outcome === 'delivered' ? 0 : dead;
    if (inRow === webhook.dead_in_row) return;
    await transaction.query('update webhook set dead_in_row = $2 where id = $1', [webhookId, inRow]);
    if (inRow >= deps.disableAfter && !disabled) await disable(transaction, webhookId, 'failing');
  };

  const stateAfter = (outcome: WebhookOutcome): DeliveryState =>
    outcome === 'delivered' ? 'delivered' : outcome === 'failed' ? 'waiting' : 'dead';

  const record = ({ webhookId, eventId }: Ids, type: string, { outcome, status, durationMs }: Attempt): Promise<void> =>
    unitOfWork.run({ operation: 'webhook.delivery' }, async (transaction) => {
      const recorded = await transaction.query(
        `update webhook_delivery set state = $3, attempts = attempts + 1, status_code = $4, outcome = $5,
           duration_ms = $6, attempted_at = $7
         where webhook_id = $1 and event_id = $2 and state = 'waiting' returning 1`,
        [webhookId, eventId, stateAfter(outcome), status, outcome, durationMs, clock.now()],
      );
      if (recorded.length > 0 && outcome !== 'failed') await consequences(transaction, webhookId, type, outcome);
    });

  /** Each event, tests too, holds what only this scope may read, so its owner must hold the scope now. */
  const mayReceive = async (owner: Owner): Promise<boolean> => {
    const scopes = await deps.owners.scopesFor(owner, [webhookScope]);
    if (!scopes) deps.abuse.refused('credential_without_owner');
    return scopes?.includes(webhookScope) ?? false;
  };

  /** An event that waited while its webhook was disabled, or the rights of its owner ended. */
  const giveUp = ({ webhookId, eventId }: Ids): Promise<unknown> =>
    unitOfWork.run({ operation: 'webhook.delivery' }, ({ query }) =>
      query(`update webhook_delivery set state = 'dead' where webhook_id = $1 and event_id = $2`, [webhookId, eventId]),
    );

  const report = (ids: Ids, type: string, { outcome, status, durationMs, error }: Attempt): void => {
    metrics.count('volwatch_webhook_deliveries_total', { outcome });
    metrics.observe('volwatch_webhook_delivery_duration_seconds', { outcome }, durationMs / 1_000);
    const fields = {
      webhook_id: ids.webhookId,
      event_id: ids.eventId,
      event_type: type,
      outcome,
      duration_ms: durationMs,
    };
    const answered = { ...fields, ...(status !== null && { receiver_status: status }) };
    if (outcome === 'delivered') logger.info(answered, 'a webhook was delivered');
    else logger.warn({ ...answered, code: codeOf(error) }, 'a webhook was not delivered');
  };

  return async ({ webhook_id: webhookId = '', event_id: eventId = '' }, signal, { last }) => {
    const ids = { webhookId, eventId };
    const waiting = await readWaiting(reader.query, ids);
    // Deleted, or done by a worker that was thought dead.
    if (!waiting) return;
    const { type, url, owner_kind: kind, owner_id: id, disabled_at: disabledAt } = waiting;
    if ((disabledAt !== null && !isTest(type)) || !(await mayReceive({ kind, id }))) {
      await giveUp(ids);
      return;
    }
    const attributes = { 'server.address': new URL(url).hostname, 'volwatch.webhook.event': type };
    const tracer = trace.getTracer('volwatch.webhooks');
    await tracer.startActiveSpan('webhook.deliver', { kind: SpanKind.CLIENT, attributes }, async (span) => {
      try {
        // Whoever tests waits for how it went: there is one attempt.
        const made = await attempt(ids, waiting, signal, last || isTest(type));
        span.setAttribute('volwatch.webhook.outcome', made.outcome);
        if (made.status !== null) span.setAttribute('http.response.status_code', made.status);
        await record(ids, type, made);
        report(ids, type, made);
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
