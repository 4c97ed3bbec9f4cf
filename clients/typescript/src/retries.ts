import { ConnectionFailedError, ProblemError, UnexpectedAnswerError, type VolwatchError } from './problem.js';

/** Repetitions of one request. `maxAttempts: 1` turns them off. */
export type Retries = {
  readonly maxAttempts: number;
  /** Max time before one attempt. A longer `Retry-After` throws the error at once. */
  readonly maxWaitMs: number;
  readonly maxTotalWaitMs: number;
  /** Wait after the first failure without `Retry-After`; each further wait is up to twice as long. */
  readonly firstWaitMs: number;
};

export const defaultRetries: Retries = {
  maxAttempts: 6,
  maxWaitMs: 60_000,
  maxTotalWaitMs: 120_000,
  firstWaitMs: 200,
};

const retriedStatuses = new Set([408, 429, 502, 503, 504]);
/** These need the caller or an operator, not time. */
const neverRetried = new Set(['quota_exceeded', 'database_schema_outdated']);
/** The service refused these before it did anything, so that a repetition is safe for every request. */
const refusedUnseen = new Set(['rate_limit_exceeded', 'concurrency_limit_exceeded', 'overloaded']);

/** POST routes that only calculate, or that can be repeated by RFC. */
const safePosts =
  /\/(pricing\/(price|greeks|batch|calibrate|grid|implied-volatility|jobs\/[^/]+\/submit)|ml\/volatility-forecast|auth\/(token|revoke))$/;
const keyedPosts = /\/(refreshes|pricing\/jobs|universes\/[^/]+\/prices)$/;

/** POST routes that take an `Idempotency-Key`, with which a repetition has no second effect. */
export const takesIdempotencyKey = (method: string, url: string): boolean =>
  method === 'POST' && keyedPosts.test(new URL(url).pathname);

/** Whether a second request has the same effect as one. */
export const isRepeatable = ({ method, url, headers }: Request): boolean =>
  ['GET', 'HEAD', 'PUT', 'DELETE'].includes(method) ||
  headers.has('idempotency-key') ||
  (method === 'POST' && safePosts.test(new URL(url).pathname));

const canRepeat = (error: VolwatchError, repeatable: boolean): boolean => {
  if (error instanceof ConnectionFailedError) return repeatable;
  if (error instanceof UnexpectedAnswerError) return repeatable && retriedStatuses.has(error.status);
  // A problem with the record of a refresh is the result of this refresh, not a lost request.
  if (!(error instanceof ProblemError) || neverRetried.has(error.code) || 'refresh' in error.problem) return false;
  if (refusedUnseen.has(error.code)) return true;
  return repeatable && (retriedStatuses.has(error.status) || error.code === 'idempotency_in_progress');
};

export type Failures = { readonly count: number; readonly waitedMs: number; readonly repeatable: boolean };

/** Milliseconds until the next attempt, or undefined when the error is final. */
export const waitMs = (retries: Retries, error: VolwatchError, { count, waitedMs, repeatable }: Failures) => {
  if (count >= retries.maxAttempts || !canRepeat(error, repeatable)) return undefined;
  const given = error instanceof ProblemError ? error.retryAfterMs : undefined;
  if (given !== undefined && given > retries.maxWaitMs) return undefined;
  // A random share keeps clients that failed together from returning together.
  const wait =
    given === undefined
      ? Math.min(retries.maxWaitMs, retries.firstWaitMs * 2 ** (count - 1) * (0.5 + Math.random() / 2))
      : given + Math.random() * 100;
  return waitedMs + wait > retries.maxTotalWaitMs ? undefined : wait;
};
