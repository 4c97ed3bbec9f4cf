import { AsyncLocalStorage } from 'node:async_hooks';
import type { IdempotencyClaim } from '../ports/idempotency.ts';
import type { Principal } from './principal.ts';

/** The parts of `Server-Timing` beside `total`. */
export const timingParts = ['auth', 'db', 'pricing', 'cache', 'external'] as const;
export type TimingPart = (typeof timingParts)[number];

export type RequestContext = {
  readonly requestId: string;
  readonly traceId: string;
  readonly clientIp: string;
  /** Aborted when the client goes away or the request's deadline passes. */
  readonly signal: AbortSignal;
  /** Milliseconds spent per part. */
  readonly timings: Partial<Record<TimingPart, number>>;
  /** The caller asked (`Cache-Control: no-cache`) for what is stored now: neither a cache nor a replica will do. */
  readonly freshest?: boolean;
  principal?: Principal;
  /** While the handler runs under an `Idempotency-Key`. */
  idempotency?: IdempotencyClaim;
};

const storage = new AsyncLocalStorage<RequestContext>();

export const runInRequest = <T>(context: RequestContext, work: () => T): T => storage.run(context, work);

/** Undefined outside a request (jobs, start-up). */
export const currentRequest = (): RequestContext | undefined => storage.getStore();

/** Adds to the current request's `Server-Timing`; nothing outside a request. */
export const addTiming = (part: TimingPart, milliseconds: number): void => {
  const timings = storage.getStore()?.timings;
  if (timings) timings[part] = (timings[part] ?? 0) + milliseconds;
};
