import type { ErrorCode } from '../catalogue/errors.ts';
import type { DoneAction, RefusalAction } from '../catalogue/audit-actions.ts';

export { auditActions, type AuditAction, type DoneAction, type RefusalAction } from '../catalogue/audit-actions.ts';
import type { Principal } from '../requests/principal.ts';
import type { Owner } from './owners.ts';
import type { Query, Transaction, UnitOfWork } from './unit-of-work.ts';

/** The kind of object that a stream describes: the part of its name before the colon. */
export const auditStreamKinds = [
  'refresh',
  'universe',
  'user',
  'session',
  'client',
  'api_key',
  'sign_in',
  'fault',
  'webhook',
  'calendar',
] as const;
export type AuditStreamKind = (typeof auditStreamKinds)[number];

/**
 * The name of a chain of events: `refresh:tech5`, `client:<id>`, `api_key:<id>`, `user:<id>`. Transactions that record
 * in the same stream wait for each other at their commit, so a stream must contain only the events of one object.
 * Refused sign-ins without a known account go to `anonymousStream()`. The name must not contain an e-mail or network
 * address.
 */
export type AuditStream = `${AuditStreamKind}:${string}`;

/** `success`: the action was done. `refused`: the service did not allow it. `failure`: it was allowed and failed. */
export const auditOutcomes = ['success', 'refused', 'failure'] as const;
export type AuditOutcome = (typeof auditOutcomes)[number];

/**
 * `operator`: the command line or the admin port. `system`: the service itself. `anonymous`: a caller without
 * credentials.
 */
export const auditActorKinds = ['client', 'user', 'api_key', 'operator', 'system', 'anonymous'] as const;
export type AuditActor = {
  readonly kind: (typeof auditActorKinds)[number];
  /** The id of a user, client or key; null for the other kinds. It must not be a name or an address. */
  readonly subject: string | null;
};

/**
 * Returns the user or client whose quotas the actions of `actor` count against. So several keys do not multiply a quota.
 * @returns undefined for an actor without an owner
 */
export type OwnerOfActor = (query: Query, actor: AuditActor) => Promise<Owner | undefined>;

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/**
 * What happened. Actions that are refusals always have the outcome `refused`, which limits their number; a request for a reset of a
 * password is one if it causes no message.
 */
type Happened =
  | { readonly action: RefusalAction; readonly outcome: 'refused' }
  | { readonly action: DoneAction; readonly outcome: Exclude<AuditOutcome, 'refused'> }
  | { readonly action: 'user.registration_refused'; readonly outcome: 'refused' }
  | { readonly action: 'user.password_reset_requested'; readonly outcome: AuditOutcome };

export type AuditEvent = Happened & {
  readonly stream: AuditStream;
  /** Default: the principal of the current request. Without a principal: `anonymous` in a request, else `system`. */
  readonly actor?: AuditActor;
  /** The id of the changed object: a refresh, a client, a key, a user, a fault point. */
  readonly target: string;
  /** The error code of a refusal or failure. */
  readonly reason?: ErrorCode;
  /**
   * Values that describe the change: ids, names that the service defines, counts, times. It must not contain a secret,
   * a digest of a secret, an e-mail, an address or free text of a caller, because events are never deleted.
   */
  readonly data?: { readonly [name: string]: Json };
};

/** A refusal that changes nothing else. */
type Refusal = Pick<AuditEvent, 'stream' | 'target' | 'reason'> & { readonly action: RefusalAction };

export type AuditTrail = {
  /**
   * Appends `event` to its stream in `transaction`, so the commit stores both the change and its event. The event is
   * appended right before the commit, because then the lock of the stream is held only for one statement. Request id,
   * trace id and time are added here. A max number of refusals per stream and hour is recorded; the others are counted
   * in one event.
   * @throws AppError `quota_exceeded` when the actor has created the max number of objects in the day or in 30 days
   */
  readonly record: (transaction: Transaction, event: AuditEvent) => Promise<void>;
  /**
   * Records a refusal after the answer, in a transaction of its own. The answer must not wait, because its time would say whether the stream still records
   * refusals, and streams of accounts say whether an account exists. Refusals of one stream and cause that wait at once have one transaction. One that is not
   * recorded, because the hour has enough of them or the transaction cannot be done now, is counted in memory.
   */
  readonly refuse: (unitOfWork: UnitOfWork, refusal: Refusal) => void;
  /**
   * Waits until the refusals so far are recorded, and writes the numbers that `refuse` keeps in memory. What cannot be written is kept for the next call.
   * @throws AppError of the database
   */
  readonly flushRefusals: (unitOfWork: UnitOfWork) => Promise<void>;
  /**
   * Records the number of refusals without an event in hours that have ended, for a few streams. @returns the number of new events; 0: nothing is left
   */
  readonly countRefusals: (transaction: Transaction) => Promise<number>;
};

/** For tests, benchmarks and commands that change nothing. */
export const noAudit: AuditTrail = {
  record: async () => {},
  refuse: () => {},
  flushRefusals: async () => {},
  countRefusals: async () => 0,
};

export const actorOf = ({ kind, subject }: Principal): AuditActor => ({ kind, subject });

const anonymousStreams = 16;

/** Returns one of a few streams at random, because many refused sign-ins must not wait for one lock. */
export const anonymousStream = (): AuditStream => `sign_in:anonymous-${Math.floor(Math.random() * anonymousStreams)}`;
