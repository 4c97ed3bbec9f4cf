import { setTimeout as sleep } from 'node:timers/promises';
import type { AppError } from '#src/kernel/catalogue/errors.ts';
import { createDependencyHealth } from '#src/kernel/health/dependency-health.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { HealthCheck } from '#src/kernel/ports/health.ts';
import type { Call, Policy } from '#src/kernel/ports/policy.ts';
import { assertOutsideTransaction } from '#src/kernel/ports/unit-of-work.ts';
import { addTiming } from '#src/kernel/requests/request-context.ts';
import { AccountRefused, throttled } from './google-http.ts';
import type { GooglePlaces } from './google-places.ts';
import { readPage, type GoogleEvents, type GooglePages } from './google-events.ts';
import type { GoogleOAuth } from './google-oauth.ts';

/** Requests per minute of the Google project. All processes share them, and each attempt of a call takes one. */
type Credits = {
  /** Takes `count` requests or none. @returns 0 if they were taken, else the milliseconds until the next attempt */
  readonly take: (count: number) => Promise<number>;
};

export type GoogleCalendarDeps = {
  readonly oauth: GoogleOAuth;
  readonly events: GoogleEvents;
  readonly policy: Policy;
  readonly credits: Credits;
  readonly places: GooglePlaces;
  /** Timeout of one call with its retries and its waits. */
  readonly timeoutMs: number;
  readonly clock: Clock;
};

/** Google with the resilience policy of the dependency. The methods are those of the two clients. */
export type GoogleCalendar = GoogleOAuth &
  GooglePages & {
    /** Health from the circuit state and the last call. The check sends no request. */
    readonly healthCheck: HealthCheck;
  };

/** The policy must not see a refusal as a failure, so it gets it as a value. */
const answerOf = async <T>(work: Promise<T>): Promise<{ readonly value: T } | { readonly refused: AppError }> => {
  try {
    return { value: await work };
  } catch (error) {
    if (error instanceof AccountRefused) return { refused: error.error };
    throw error;
  }
};

export const createGoogleCalendar = (deps: GoogleCalendarDeps): GoogleCalendar => {
  const { oauth, events, policy, credits, places, timeoutMs, clock } = deps;
  const { watch, healthCheck } = createDependencyHealth({ dependency: 'google_calendar', policy, work: 'call' });

  /** Waits for the next minute if the quota is spent and the deadline of the call allows. */
  const takeCredit: NonNullable<Call['beforeAttempt']> = async ({ deadline, signal }) => {
    for (let wait = await credits.take(1); wait > 0; wait = await credits.take(1)) {
      if (clock.monotonic() + wait >= deadline) throw throttled(Math.ceil(wait / 1_000));
      await sleep(wait, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  };

  const call = async <T>(
    signal: AbortSignal,
    { idempotent }: { readonly idempotent: boolean },
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    assertOutsideTransaction('Calling Google');
    const startedAt = clock.monotonic();
    const deadline = startedAt + timeoutMs;
    let leave = (): void => {};
    // An attempt holds a place, and a call that waits for its next attempt holds none.
    const beforeAttempt: typeof takeCredit = async (attempt) => {
      leave = await places.enter(signal, deadline - clock.monotonic());
      // The call can have ended in the moment in which it got the place. Then nobody else gives it back.
      if (signal.aborted) leave();
      signal.throwIfAborted();
      // Within the place: while the quota is spent nobody can send, and those who wait get the new one in turns.
      await takeCredit(attempt);
    };
    const attempt = (timed: AbortSignal) => answerOf(work(timed)).finally(() => leave());
    try {
      const answer = await watch((run) => run({ signal, deadline, idempotent, beforeAttempt }, attempt));
      if ('refused' in answer) throw answer.refused;
      return answer.value;
    } finally {
      leave();
      addTiming('external', clock.monotonic() - startedAt);
    }
  };

  return {
    consentUrl: oauth.consentUrl,
    // A code can be used once, so a request whose answer was lost must not be repeated.
    exchange: (code, consent, signal) =>
      call(signal, { idempotent: false }, (attempt) => oauth.exchange(code, consent, attempt)),
    // Google accepts a refresh token again, so a request whose answer was lost can be repeated.
    refresh: (token, signal) => call(signal, { idempotent: true }, (attempt) => oauth.refresh(token, attempt)),
    revoke: (token, signal) => call(signal, { idempotent: true }, (attempt) => oauth.revoke(token, attempt)),
    page: async (request, signal) =>
      readPage(await call(signal, { idempotent: true }, (attempt) => events.request(request, attempt)), signal),
    healthCheck,
  };
};
