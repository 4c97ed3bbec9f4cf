import { context } from '@opentelemetry/api';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { traceparentOf } from '#src/kernel/requests/trace-parent.ts';
import type { Owner } from '#src/kernel/ports/owners.ts';
import type { WebhookOutcome } from '#src/kernel/ports/webhooks.ts';
import type { Send } from '../sender/send.ts';
import { isInOverlap, signatureOf, type WebhookSecrets } from '../signatures.ts';

export type DeliveryIds = { readonly webhookId: string; readonly eventId: string };

/** A row of `webhook_delivery` in the state `waiting`, with its event and its webhook. */
export type PendingDelivery = {
  readonly type: string;
  readonly body: string;
  readonly url: string;
  readonly owner_kind: Owner['kind'];
  readonly owner_id: string;
  readonly secret_version: number;
  readonly rotated_at: Date | null;
  readonly overlap_version: number | null;
  readonly disabled_at: Date | null;
};

export type Attempt = {
  readonly outcome: WebhookOutcome;
  /** Status of the answer. Null: there was no answer. */
  readonly status: number | null;
  readonly durationMs: number;
  /** Why the event did not arrive; undefined when it did. */
  readonly error: unknown;
};

export type AttemptDeps = {
  readonly secrets: WebhookSecrets;
  readonly send: Send;
  /** For this time after a rotation, the secrets before it sign too. */
  readonly rotationMs: number;
  readonly userAgent: string;
  readonly clock: Clock;
};

/**
 * Sends a delivery to its receiver, once.
 * @param isLast the queue does not retry after this attempt
 * @throws the reason of `signal` when it is aborted and the queue will retry: the attempt does not count then
 */
export type AttemptDelivery = (
  ids: DeliveryIds,
  delivery: PendingDelivery,
  signal: AbortSignal,
  isLast: boolean,
) => Promise<Attempt>;

/**
 * The versions that sign: the present one, and during an overlap the one before it and the one before the first of several
 * rotations in a row. The receiver has one of these, unless the answers of several rotations reached nobody or were not used.
 */
const signingVersions = (
  { secret_version: version, rotated_at: rotatedAt, overlap_version: overlap }: PendingDelivery,
  now: Date,
  rotationMs: number,
): readonly number[] => {
  if (!isInOverlap(rotatedAt, now, rotationMs)) return [version];
  const previous = version - 1;
  return overlap !== null && overlap < previous ? [version, previous, overlap] : [version, previous];
};

/** Receivers answer 410 when they want no more events (Standard Webhooks). */
const goneStatus = 410;

export const createAttempt = ({ secrets, send, rotationMs, userAgent, clock }: AttemptDeps): AttemptDelivery => {
  const headersOf = ({ webhookId, eventId }: DeliveryIds, delivery: PendingDelivery): Record<string, string> => {
    const { body } = delivery;
    const now = clock.now();
    const timestamp = Math.floor(now.getTime() / 1_000);
    const versions = signingVersions(delivery, now, rotationMs);
    const sign = (each: number): string => signatureOf(secrets.of(webhookId, each), { id: eventId, timestamp, body });
    const traceparent = traceparentOf(context.active());
    return {
      'content-type': 'application/json',
      'user-agent': userAgent,
      'webhook-id': eventId,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': versions.map(sign).join(' '),
      ...(traceparent !== undefined && { traceparent }),
    };
  };

  return async (ids, delivery, signal, isLast) => {
    const startedAt = clock.monotonic();
    const elapsedMs = (): number => Math.round(clock.monotonic() - startedAt);
    const failure = isLast ? 'dead' : 'failed';
    try {
      const { url, body } = delivery;
      const status = await send({ url, headers: headersOf(ids, delivery), body, signal });
      const answered = { status, durationMs: elapsedMs() };
      if (status >= 200 && status < 300) return { ...answered, outcome: 'delivered', error: undefined };
      const error = new AppError('external_api_bad_response', `The receiver answered with status ${status}`);
      return { ...answered, outcome: status === goneStatus ? 'gone' : failure, error };
    } catch (error) {
      // The service itself stopped the attempt, so it does not count. The last attempt counts, because none follows.
      if (signal.aborted && !isLast) throw error;
      return { outcome: failure, status: null, durationMs: elapsedMs(), error };
    }
  };
};
