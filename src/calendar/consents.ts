import { createHash, randomBytes } from 'node:crypto';
import { LockMode } from '@mikro-orm/core';
import { lockNames } from '#src/kernel/catalogue/lock-names.ts';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { CredentialLookups } from '#src/kernel/credentials/credential-lookups.ts';
import type { Owner, Owners, StoringCaller } from '#src/kernel/ports/owners.ts';
import type { UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { TaggedSecrets } from '#src/kernel/credentials/tagged-secrets.ts';
import { takeOwnerTurn } from '#src/kernel/lists/owner-turn.ts';
import { CalendarConnectionEntity } from './entities.ts';
import type { GoogleCalendar } from './google/google-calendar.ts';
import { badResponse } from './google/google-http.ts';
import type { GoogleTokens } from './google/google-oauth.ts';
import { calendarScope, includesEvents } from './google/scopes.ts';
import type { Revocations } from './revocations.ts';
import { placeOf, type TokenCipher } from './tokens/token-cipher.ts';

// SQL: a state is used in the statement that finds it, and the consents and revocations of an owner are deleted as
// sets.

/** Who comes back from Google: a caller with credentials, a browser with the cookie of its consent, or both. */
type Returning = {
  readonly caller: StoringCaller | undefined;
  readonly owner: Owner | undefined;
  readonly browserSecret: string | undefined;
};

type ConsentAnswer = {
  readonly state: string;
  readonly code: string | undefined;
  /** The error of Google, for example `access_denied`. */
  readonly error: string | undefined;
};

export type ConsentsDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly audit: AuditTrail;
  readonly owners: Pick<Owners, 'assertMayStore'>;
  readonly google: Pick<GoogleCalendar, 'consentUrl' | 'exchange'>;
  readonly revocations: Pick<Revocations, 'addToken' | 'tryNow'>;
  readonly cipher: TokenCipher;
  readonly logger: Logger;
  readonly lookups: CredentialLookups;
  readonly taggedSecrets: TaggedSecrets;
  readonly clock: Clock;
  readonly ids: () => string;
};

export type Consents = {
  /** Stores a consent request. `browserSecret` goes into a cookie of the browser. @throws AppError of `assertMayStore` */
  readonly begin: (
    owner: Owner,
    request: { readonly caller: StoringCaller; readonly redirectUrl: string },
  ) => Promise<{ readonly url: string; readonly browserSecret: string }>;
  /**
   * Takes the answer of Google, and stores the tokens encrypted. A state works once, also if the rest fails. If the tokens cannot be stored,
   * the consent is revoked at Google, unless the owner has a connection.
   * @throws AppError `calendar_state_invalid`, `calendar_consent_denied`, `calendar_code_invalid`,
   *   `rate_limit_exceeded` when many credentials of the address were refused, or of category external_api
   * @returns the owner of the connection
   */
  readonly finish: (answer: ConsentAnswer, returning: Returning, signal: AbortSignal) => Promise<Owner>;
};

type Consent = {
  readonly state_digest: string;
  readonly owner_kind: Owner['kind'];
  readonly owner_id: string;
  readonly session_id: string | null;
  readonly token_id: string | null;
  readonly legacy_token: boolean;
  readonly browser_digest: string;
  readonly code_verifier: string;
  readonly redirect_url: string;
  readonly created_at: Date;
};

export const consentMinutes = 10;
const maxPerOwner = 5;

const digestOf = (secret: string): string => createHash('sha256').update(secret).digest('base64url');
const newSecret = (): string => randomBytes(32).toString('base64url');

const stateInvalid = (): AppError =>
  new AppError(
    'calendar_state_invalid',
    'The state is unknown, was used, has expired, or is of another caller: begin at /calendar/connect again',
  );

/**
 * Credentials must be of the owner, and a session must be the one that began. Without credentials the browser must be
 * the one that began: it does not send a cookie with SameSite=Strict when it comes back from Google.
 */
const isSameCaller = (consent: Consent, { caller, owner, browserSecret }: Returning): boolean => {
  if (!owner) return browserSecret !== undefined && digestOf(browserSecret) === consent.browser_digest;
  const sessionId = caller?.sessionId;
  const sameOwner = owner.kind === consent.owner_kind && owner.id === consent.owner_id;
  return sameOwner && (sessionId === undefined || consent.session_id === null || sessionId === consent.session_id);
};

/**
 * The credential that a consent was begun with, for a browser that comes back without credentials. The time of issue of a token is
 * not stored: it was valid at the beginning.
 */
const beginnerOf = ({ owner_kind: kind, owner_id: subject, ...consent }: Consent): StoringCaller => ({
  kind,
  subject,
  ...(consent.session_id === null
    ? {
        tokenId: consent.token_id ?? consent.state_digest,
        tokenIssuedAt: Math.floor(consent.created_at.getTime() / 1_000),
        ...(consent.legacy_token && { tokenFormat: 'legacy' as const }),
      }
    : { sessionId: consent.session_id }),
});

export const createConsents = (deps: ConsentsDeps): Consents => {
  const { unitOfWork, audit, owners, google, revocations, cipher, lookups, taggedSecrets, clock, logger, ids } = deps;

  /** Takes the consent out of the database, so that a state works once, also in two requests at the same time. */
  const take = async (state: string, returning: Returning): Promise<Consent> => {
    const lookup = { kind: 'calendar_state', secret: state, isOurs: taggedSecrets.isOurs(state) } as const;
    const consent = await lookups.run(lookup, async () => {
      const [found] = await unitOfWork.run({ operation: 'calendar.consent' }, ({ query }) =>
        query<Consent>(
          `delete from calendar_consent where state_digest = $1 and expires_at > $2
           returning state_digest, owner_kind, owner_id, session_id, token_id, legacy_token, browser_digest, code_verifier,
             redirect_url, created_at`,
          [digestOf(state), clock.now()],
        ),
      );
      return found;
    });
    if (!consent || !isSameCaller(consent, returning)) throw stateInvalid();
    return consent;
  };

  const store = (
    owner: Owner,
    caller: StoringCaller,
    { refreshToken, accessToken, expiresIn, scopes }: GoogleTokens,
  ): Promise<void> =>
    unitOfWork.run({ operation: 'calendar.connection', alone: lockNames.calendar(owner) }, async (transaction) => {
      const { em, query } = transaction;
      await owners.assertMayStore(query, owner, caller);
      await takeOwnerTurn(query, lockNames.calendar(owner));
      const ownedBy = { ownerKind: owner.kind, ownerId: owner.id };
      const lockMode = LockMode.PESSIMISTIC_WRITE;
      const known = await em.findOne(CalendarConnectionEntity, ownedBy, { lockMode });
      const id = known?.id ?? ids();
      const now = clock.now();
      // Without sync token the next sync is a full one, because the calendar may be another one.
      const values = {
        status: 'connected' as const,
        scopes: [...(scopes ?? [calendarScope])],
        account: null,
        refreshToken: cipher.encrypt(refreshToken!, placeOf.refreshToken(id)),
        accessToken: cipher.encrypt(accessToken, placeOf.accessToken(id)),
        accessExpiresAt: new Date(now.getTime() + expiresIn * 1_000),
        connectedAt: now,
        syncToken: null,
        refreshLease: null,
        refreshLeaseUntil: null,
      };
      if (known) {
        // The versions grow, so that a refresh or sync that began with the old tokens is not stored.
        const versions = { tokenVersion: known.tokenVersion + 1, syncVersion: known.syncVersion + 1 };
        em.assign(known, { ...values, ...versions });
      } else em.create(CalendarConnectionEntity, { id, ...ownedBy, ...values });
      // Google ends the whole consent when one token of it is revoked, so an earlier revocation must not run any more.
      await query('delete from calendar_revocation where owner_kind = $1 and owner_id = $2', [owner.kind, owner.id]);
      await audit.record(transaction, {
        stream: `calendar:${id}`,
        action: 'calendar.connected',
        outcome: 'success',
        actor: { kind: owner.kind, subject: owner.id },
        target: id,
        data: { owner_kind: owner.kind, owner_id: owner.id, again: known !== null },
      });
    });

  /** The consent exists at Google now, and nobody else knows its token. */
  const giveBack = async (
    owner: Owner,
    { refreshToken, accessToken }: GoogleTokens,
    signal: AbortSignal,
  ): Promise<void> => {
    const options = { operation: 'calendar.connection', alone: lockNames.calendar(owner) } as const;
    const id = await unitOfWork.run(options, (transaction) =>
      revocations.addToken(transaction, owner, refreshToken ?? accessToken),
    );
    if (id !== undefined) await revocations.tryNow(id, signal);
  };

  return {
    begin: (owner, { caller, redirectUrl }) => {
      const [state, browserSecret, codeVerifier] = [taggedSecrets.create(''), newSecret(), newSecret()];
      const stateDigest = digestOf(state);
      const now = clock.now();
      return unitOfWork.run({ operation: 'calendar.consent', alone: lockNames.calendar(owner) }, async ({ query }) => {
        await owners.assertMayStore(query, owner, caller);
        await query(
          `delete from calendar_consent where state_digest in (
             select state_digest from calendar_consent where owner_kind = $1 and owner_id = $2
             order by created_at desc, state_digest offset $3)`,
          [owner.kind, owner.id, maxPerOwner - 1],
        );
        await query(
          `insert into calendar_consent (state_digest, owner_kind, owner_id, session_id, token_id, legacy_token,
             browser_digest, code_verifier, redirect_url, created_at, expires_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
          [
            stateDigest,
            owner.kind,
            owner.id,
            caller.sessionId ?? null,
            caller.tokenId ?? null,
            caller.tokenFormat === 'legacy',
            digestOf(browserSecret),
            cipher.encrypt(codeVerifier, placeOf.codeVerifier(stateDigest)),
            redirectUrl,
            now,
            new Date(now.getTime() + consentMinutes * 60_000),
          ],
        );
        return { url: google.consentUrl({ state, codeVerifier, redirectUrl }), browserSecret };
      });
    },

    finish: async ({ state, code, error }, returning, signal) => {
      const consent = await take(state, returning);
      const owner = { kind: consent.owner_kind, id: consent.owner_id };
      if (error !== undefined || code === undefined) {
        const detail =
          error === 'access_denied' ? 'Access to the calendar was denied at Google' : 'Google gave no consent';
        throw new AppError('calendar_consent_denied', detail);
      }
      const codeVerifier = cipher.decrypt(consent.code_verifier, placeOf.codeVerifier(consent.state_digest));
      const tokens = await google.exchange(code, { codeVerifier, redirectUrl: consent.redirect_url }, signal);
      try {
        // On the consent page of Google a user can leave out a scope.
        if (!includesEvents(tokens.scopes)) {
          throw new AppError('calendar_consent_denied', 'The consent does not include the events of the calendar');
        }
        if (tokens.refreshToken === undefined) throw badResponse('answered the token request without a refresh token');
        await store(owner, returning.caller ?? beginnerOf(consent), tokens);
      } catch (error) {
        await giveBack(owner, tokens, signal).catch((failure: unknown) =>
          logger.warn({ code: codeOf(failure) }, 'a refused calendar consent stays at Google'),
        );
        throw error;
      }
      return owner;
    },
  };
};
