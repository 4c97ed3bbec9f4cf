import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { LockMode } from '@mikro-orm/core';
import { SpanStatusCode, trace } from '@opentelemetry/api';
import { orAbort } from '#src/kernel/abort.ts';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { lockNameOf, readConnection, type SyncState } from '../connections.ts';
import { CalendarConnectionEntity } from '../entities.ts';
import type { GoogleCalendar } from '../google/google-calendar.ts';
import type { GoogleTokens } from '../google/google-oauth.ts';
import { consentTooNarrow, includesEvents } from '../google/scopes.ts';
import { placeOf, type TokenCipher } from './token-cipher.ts';

export type AccessTokensDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly audit: AuditTrail;
  readonly google: Pick<GoogleCalendar, 'refresh'>;
  readonly cipher: TokenCipher;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
};

type AccessToken = { readonly token: string; readonly version: number };

export type AccessTokens = {
  /**
   * Returns a valid access token. If it has expired, or is the `rejected` one, it is refreshed: by one caller of all
   * processes, while the others wait for its result.
   * @param state the connection as the caller has read it
   * @throws AppError `calendar_reauthorization_required`, `calendar_not_connected`, `calendar_token_unreadable`, of
   *   category external_api or database, or the reason of `signal`
   */
  readonly valid: (state: SyncState, signal: AbortSignal, rejected?: AccessToken) => Promise<AccessToken>;
  /** Notes that Google needs a new consent. Does nothing if a newer token or consent was stored since `used`. */
  readonly refuse: (state: SyncState, used: AccessToken) => Promise<void>;
};

/** A token that expires within this time is refreshed, because a sync takes some time. */
const marginMs = 60_000;
/** A process that does not renew its lease counts as dead, and another process refreshes. */
const leaseMs = 5_000;
const renewMs = 1_500;
const pollMs = 100;

const operation = 'calendar.token';
const lockMode = LockMode.PESSIMISTIC_WRITE;

/** A sync can lock the connection for seconds, and those that wait for it hold no connection to the database. */
const changeOf = (state: SyncState) => ({ operation, alone: lockNameOf(state) }) as const;

export const createAccessTokens = (deps: AccessTokensDeps): AccessTokens => {
  const { unitOfWork, audit, google, cipher, clock, metrics, logger } = deps;
  /** The refresh of a connection that runs or is awaited in this process. */
  const inProgress = new Map<string, Promise<SyncState>>();

  const isUsable = ({ access_expires_at, token_version }: SyncState, rejected: AccessToken | undefined): boolean =>
    access_expires_at.getTime() - marginMs > clock.now().getTime() && token_version !== rejected?.version;

  // SQL: the lease is taken, renewed and released in one statement each, because the clock of the server decides.
  /** The lease is a row and no lock of a session, because a lock would hold a connection while Google answers. */
  const takeLease = (state: SyncState, lease: string): Promise<boolean> =>
    unitOfWork.run(changeOf(state), async ({ query }) => {
      const taken = await query(
        `update calendar_connection set refresh_lease = $3, refresh_lease_until = clock_timestamp() + $4 * interval '1 ms'
         where id = $1 and token_version = $2 and status = 'connected'
           and (refresh_lease_until is null or refresh_lease_until < clock_timestamp()) returning 1`,
        [state.id, state.token_version, lease, leaseMs],
      );
      return taken.length > 0;
    });

  const renew = (state: SyncState, lease: string): Promise<unknown> =>
    unitOfWork.run(changeOf(state), ({ query }) =>
      query(
        `update calendar_connection set refresh_lease_until = clock_timestamp() + $3 * interval '1 ms'
         where id = $1 and refresh_lease = $2`,
        [state.id, lease, leaseMs],
      ),
    );

  const release = (state: SyncState, lease: string): Promise<unknown> =>
    unitOfWork.run(changeOf(state), ({ query }) =>
      query(
        `update calendar_connection set refresh_lease = null, refresh_lease_until = null
         where id = $1 and refresh_lease = $2`,
        [state.id, lease],
      ),
    );

  /**
   * One transaction stores both tokens and ends the lease, so that a rotated refresh token is not lost.
   * @returns false if nothing was stored, because a newer token or consent is there
   */
  const store = (state: SyncState, { accessToken, expiresIn, refreshToken }: GoogleTokens): Promise<boolean> =>
    unitOfWork.run(changeOf(state), async ({ em }) => {
      const { id, token_version: tokenVersion } = state;
      const current = refreshToken ?? cipher.decrypt(state.refresh_token, placeOf.refreshToken(id));
      const connection = await em.findOne(CalendarConnectionEntity, { id, tokenVersion }, { lockMode });
      if (!connection) return false;
      em.assign(connection, {
        accessToken: cipher.encrypt(accessToken, placeOf.accessToken(id)),
        accessExpiresAt: new Date(clock.now().getTime() + expiresIn * 1_000),
        // Encrypted again in any case, so that it gets the current key.
        refreshToken: cipher.encrypt(current, placeOf.refreshToken(id)),
        tokenVersion: tokenVersion + 1,
        refreshLease: null,
        refreshLeaseUntil: null,
      });
      return true;
    });

  const markRefused = (state: SyncState): Promise<void> =>
    unitOfWork.run(changeOf(state), async (transaction) => {
      const { id, token_version } = state;
      const current = { id, tokenVersion: token_version, status: 'connected' } as const;
      const connection = await transaction.em.findOne(CalendarConnectionEntity, current, { lockMode });
      if (!connection) return;
      transaction.em.assign(connection, {
        status: 'reauthorization_required',
        refreshLease: null,
        refreshLeaseUntil: null,
      });
      await audit.record(transaction, {
        stream: `calendar:${id}`,
        action: 'calendar.reauthorization_required',
        outcome: 'failure',
        actor: { kind: 'system', subject: null },
        target: id,
        reason: 'calendar_reauthorization_required',
      });
    });

  const refresh = async (state: SyncState, lease: string, signal: AbortSignal): Promise<void> => {
    const timer = setInterval(() => void renew(state, lease).catch(() => {}), renewMs);
    try {
      const tokens = await google.refresh(cipher.decrypt(state.refresh_token, placeOf.refreshToken(state.id)), signal);
      // Stored in any case, because a rotated refresh token is needed to revoke the consent.
      const stored = await store(state, tokens);
      // The version after this one is of this answer only if its tokens were stored. Else it is of another consent or
      // process, whose token is used.
      if (stored && !includesEvents(tokens.scopes)) {
        await markRefused({ ...state, token_version: state.token_version + 1 });
        throw consentTooNarrow();
      }
      metrics.count('volwatch_calendar_token_refreshes_total', { outcome: 'refreshed' });
    } catch (error) {
      const refused = codeOf(error) === 'calendar_reauthorization_required';
      const outcome = refused ? 'reauthorization_required' : 'failed';
      metrics.count('volwatch_calendar_token_refreshes_total', { outcome });
      logger.warn({ code: codeOf(error), connection_id: state.id }, 'the Google access token was not refreshed');
      if (refused) await markRefused(state);
      else await release(state, lease).catch(() => {});
      throw error;
    } finally {
      clearInterval(timer);
    }
  };

  const traced = (state: SyncState, lease: string, signal: AbortSignal): Promise<void> =>
    trace.getTracer('volwatch').startActiveSpan('calendar.token_refresh', async (span) => {
      try {
        await refresh(state, lease, signal);
      } catch (error) {
        span.setAttribute('error.type', codeOf(error));
        span.setStatus({ code: SpanStatusCode.ERROR });
        throw error;
      } finally {
        span.end();
      }
    });

  /** Refreshes, or waits until another process has. @returns the connection with a usable token */
  const obtain = async (first: SyncState, signal: AbortSignal, rejected?: AccessToken): Promise<SyncState> => {
    let state = first;
    let awaited = false;
    for (;;) {
      // A token that is new since the call began is used even if it expires soon, so that the loop ends.
      if (isUsable(state, rejected) || state.token_version !== first.token_version) {
        if (awaited) metrics.count('volwatch_calendar_token_refreshes_total', { outcome: 'awaited' });
        return state;
      }
      const lease = randomUUID();
      if (await takeLease(state, lease)) {
        awaited = false;
        await traced(state, lease, signal);
      } else {
        awaited = true;
        await sleep(pollMs * (0.5 + Math.random()), undefined, { signal }).catch(() => signal.throwIfAborted());
      }
      state = await unitOfWork.run({ operation }, ({ query }) => readConnection(query, first.id));
    }
  };

  const usableState = async (
    state: SyncState,
    signal: AbortSignal,
    rejected: AccessToken | undefined,
  ): Promise<SyncState> => {
    if (isUsable(state, rejected)) return state;
    let running = inProgress.get(state.id);
    if (!running) {
      running = obtain(state, signal, rejected).finally(() => inProgress.delete(state.id));
      inProgress.set(state.id, running);
    }
    return orAbort(running, signal);
  };

  return {
    valid: async (state, signal, rejected) => {
      const { id, access_token: stored, token_version: version } = await usableState(state, signal, rejected);
      if (version === rejected?.version)
        throw new AppError('external_api_bad_response', 'Google refused its new token');
      return { token: cipher.decrypt(stored, placeOf.accessToken(id)), version };
    },
    refuse: (state, { version }) => markRefused({ ...state, token_version: version }),
  };
};
