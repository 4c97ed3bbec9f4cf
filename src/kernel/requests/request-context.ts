import { AsyncLocalStorage } from 'node:async_hooks';
import type { IdempotencyClaim } from '../ports/idempotency.ts';
import type { Principal } from './principal.ts';

/** The entries of `Server-Timing` besides `total`. */
export const timingParts = ['auth', 'db', 'pricing', 'cache', 'external'] as const;
export type TimingPart = (typeof timingParts)[number];

export type RequestContext = {
  readonly requestId: string;
  readonly traceId: string;
  readonly clientIp: string;
  /** Aborts when the client disconnects or the deadline of the request passes. */
  readonly signal: AbortSignal;
  /** Milliseconds for each entry. */
  readonly timings: Partial<Record<TimingPart, number>>;
  /** The caller sent `Cache-Control: no-cache`: caches and replicas must not be used. */
  readonly noCache?: boolean;
  /**
   * How many of the few places that others wait for the request holds: see `holdingPlace`. With one it does not wait for the connections of its own
   * caller and network, which could hold the place for as long as their other requests take.
   */
  placesHeld?: number;
  principal?: Principal;
  /**
   * Checks the caller again, if the last check is some time ago. A body can arrive slowly and work can wait for its turn, and meanwhile
   * the owner may have ended the credential, or an operator the owner. Undefined on public routes and without credentials.
   * @throws AppError as the check of the caller
   */
  assertCaller?: () => Promise<void>;
  /** Set while the handler runs with an `Idempotency-Key`. */
  idempotency?: IdempotencyClaim;
};

const storage = new AsyncLocalStorage<RequestContext>();

export const runInRequest = <T>(context: RequestContext, work: () => T): T => storage.run(context, work);

const never = new AbortController().signal;

/**
 * Runs work that goes on after the answer, or after the client has left: the end of the request ends none of its waits. It counts for the caller of the request, as
 * before, and stays outside of the places of the request.
 */
export const runBeyondRequest = <T>(work: () => T): T => {
  const context = storage.getStore();
  if (!context) return work();
  const { requestId, traceId, clientIp, timings, principal } = context;
  return storage.run({ requestId, traceId, clientIp, timings, ...(principal && { principal }), signal: never }, work);
};

/** Returns the context of the current request; undefined outside of a request (jobs, start). */
export const currentRequest = (): RequestContext | undefined => storage.getStore();

/** Adds milliseconds to an entry of `Server-Timing`. Does nothing outside of a request. */
export const addTiming = (part: TimingPart, milliseconds: number): void => {
  const timings = storage.getStore()?.timings;
  if (timings) timings[part] = (timings[part] ?? 0) + milliseconds;
};
