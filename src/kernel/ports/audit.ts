import type { ErrorCode } from '../catalogue/errors.ts';
import type { Principal } from '../requests/principal.ts';
import type { Transaction } from './unit-of-work.ts';

/** What a stream is about: the part before the colon in its name, and the `stream_kind` label of the metric. */
export const auditStreamKinds = [
  'refresh',
  'user',
  'session',
  'client',
  'api_key',
  'sign_in',
  'fault',
  'webhook',
] as const;
export type AuditStreamKind = (typeof auditStreamKinds)[number];

/**
 * A chain of events: `refresh:tech5`, `client:<id>`, `api_key:<id>`, `user:<id>`. Transactions that record in the same
 * stream take turns at their commit, so its name holds what changes together and nothing broader. Refused sign-ins
 * that no account can be named for go to `anonymousStream()`. No e-mail or network address in it.
 */
export type AuditStream = `${AuditStreamKind}:${string}`;

/** What happened, in the past tense. */
export const auditActions = [
  'refresh.queued',
  'refresh.started',
  'refresh.applied',
  'refresh.succeeded',
  'refresh.rolled_back',
  'refresh.failed',
  'refresh.removed',
  'user.registered',
  'user.registration_refused',
  'user.disabled',
  'user.enabled',
  'user.credentials_ended',
  'user.erased',
  'user.signed_in',
  'user.signed_out',
  'user.sign_in_refused',
  'user.sign_in_throttled',
  'refusals.counted',
  'user.password_rehashed',
  'csrf.refused',
  'token.revoked',
  'refresh_token.reused',
  'client.created',
  'client.rotated',
  'client.revoked',
  'client.refused',
  'client.credentials_ended',
  'api_key.created',
  'api_key.revoked',
  'api_key.refused',
  'webhook.created',
  'webhook.deleted',
  'webhook.rotated',
  'webhook.disabled',
  'webhook.enabled',
  'fault.injected',
  'fault.cleared',
] as const;
export type AuditAction = (typeof auditActions)[number];

/** `success`: it was done. `refused`: we said no. `failure`: it was allowed and went wrong. */
export const auditOutcomes = ['success', 'refused', 'failure'] as const;
export type AuditOutcome = (typeof auditOutcomes)[number];

/** `operator`: the command line or the admin port. `system`: the service by itself. `anonymous`: nobody we know. */
export const auditActorKinds = ['client', 'user', 'api_key', 'operator', 'system', 'anonymous'] as const;
export type AuditActor = {
  readonly kind: (typeof auditActorKinds)[number];
  /** The id of a user, client or key; null for the others. Never a name or an address. */
  readonly subject: string | null;
};

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

export type AuditEvent = {
  readonly stream: AuditStream;
  readonly action: AuditAction;
  readonly outcome: AuditOutcome;
  /** Default: the current request's principal; without one `anonymous` in a request, `system` outside. */
  readonly actor?: AuditActor;
  /** The id of what was acted upon: a refresh, a client, a key, a user, a fault point. */
  readonly target: string;
  /** Why, for refusals and failures. */
  readonly reason?: ErrorCode;
  /**
   * What rebuilds the state: ids, names of ours, counts, instants. No secret, digest of a secret, e-mail, address or
   * text that a caller wrote freely: events are never deleted.
   */
  readonly data?: { readonly [name: string]: Json };
};

export type AuditTrail = {
  /**
   * Appends `event` to its stream in `transaction`: both are there after its commit, or neither. The chain is extended
   * as the last thing before the commit, so the stream's lock is held for one statement. Request id, trace id and time
   * are filled in here. Of the refusals of a stream some are recorded in an hour, the rest is counted in one event.
   */
  readonly record: (transaction: Transaction, event: AuditEvent) => Promise<void>;
  /** Records how many refusals the hours that are over have left out. @returns how many events that makes */
  readonly countRefusals: (transaction: Transaction) => Promise<number>;
};

/** For tests, benchmarks and commands that change nothing. */
export const noAudit: AuditTrail = { record: async () => {}, countRefusals: async () => 0 };

export const actorOf = ({ kind, subject }: Principal): AuditActor => ({ kind, subject });

const anonymousStreams = 16;

/** One of a few streams, at random: an attack of many sign-ins must not queue up behind one lock. */
export const anonymousStream = (): AuditStream => `sign_in:anonymous-${Math.floor(Math.random() * anonymousStreams)}`;
