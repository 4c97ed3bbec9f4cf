import { randomUUID } from 'node:crypto';
import { lockNames } from '#src/kernel/catalogue/lock-names.ts';
import { AppError, codeOf, errorTable } from '#src/kernel/catalogue/errors.ts';
import type { JobEnqueuer } from '#src/kernel/ports/jobs.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Owner } from '#src/kernel/ports/owners.ts';
import type { Reader, Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { GoogleCalendar } from './google/google-calendar.ts';
import { placeOf, type TokenCipher } from './tokens/token-cipher.ts';

// SQL: one statement moves the token, so that it is never in both tables and never in none.

export type RevocationsDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly reader: Reader;
  readonly google: Pick<GoogleCalendar, 'revoke'>;
  readonly cipher: TokenCipher;
  readonly jobs: JobEnqueuer;
  readonly logger: Logger;
};

export type Revocations = {
  /** Deletes the connection of the owner and keeps its refresh token for the revocation. */
  readonly add: (
    transaction: Transaction,
    owner: Owner,
  ) => Promise<{ readonly id: string; readonly connectionId: string } | undefined>;
  /** Keeps a token of Google that was not stored for its owner. Undefined: the owner has a connection, whose consent it may belong to. */
  readonly addToken: (transaction: Transaction, owner: Owner, token: string) => Promise<string | undefined>;
  /** Revokes now. If Google does not answer soon, a job does it. Does not throw for errors of Google. */
  readonly tryNow: (id: string, signal: AbortSignal) => Promise<void>;
  /** @throws AppError of category external_api; the revocation then stays stored */
  readonly revoke: (id: string, signal: AbortSignal) => Promise<void>;
  /** Ids of all stored revocations, for the scheduled job. */
  readonly pending: () => Promise<readonly string[]>;
};

/** The owner waits for the answer, so the attempt in the request is short. */
const firstAttemptMs = 3_000;
const maxPendingRead = 1_000;

/** One statement, so that a token is never in both tables and never in none. */
export const addRevocationSql = `with ended as (
    delete from calendar_connection where owner_kind = $1 and owner_id = $2 returning id, refresh_token
  )
  insert into calendar_revocation (id, owner_kind, owner_id, connection_id, refresh_token, created_at)
  select gen_random_uuid(), $1, $2, id, refresh_token, now() from ended
  returning id, connection_id as "connectionId"`;

/** Revoked tokens at Google. A stored revocation survives a crash and an outage of Google. */
export const createRevocations = (deps: RevocationsDeps): Revocations => {
  const { unitOfWork, reader, google, cipher, jobs, logger } = deps;

  const revoke: Revocations['revoke'] = async (id, signal) => {
    // Read in a transaction, because a replica may not have the row yet.
    const [stored] = await unitOfWork.run({ operation: 'calendar.connection' }, ({ query }) =>
      query<{ refresh_token: string; connection_id: string; owner_kind: Owner['kind']; owner_id: string }>(
        'select refresh_token, connection_id, owner_kind, owner_id from calendar_revocation where id = $1',
        [id],
      ),
    );
    if (!stored) return;
    await google.revoke(cipher.decrypt(stored.refresh_token, placeOf.refreshToken(stored.connection_id)), signal);
    await unitOfWork.run(
      { operation: 'calendar.connection', alone: lockNames.calendar({ kind: stored.owner_kind, id: stored.owner_id }) },
      ({ query }) => query('delete from calendar_revocation where id = $1', [id]),
    );
    logger.info({ revocation_id: id }, 'the calendar consent was revoked at Google');
  };

  return {
    add: async ({ query }, { kind, id }) =>
      (await query<{ id: string; connectionId: string }>(addRevocationSql, [kind, id]))[0],
    addToken: async ({ query }, { kind, id }, token) => {
      // The token has no connection, and the place of its ciphertext is the id that a connection would have.
      const connectionId = randomUUID();
      const [added] = await query<{ id: string }>(
        `insert into calendar_revocation (id, owner_kind, owner_id, connection_id, refresh_token, created_at)
         select gen_random_uuid(), $1, $2, $3, $4, now()
         where not exists (select 1 from calendar_connection where owner_kind = $1 and owner_id = $2)
         returning id`,
        [kind, id, connectionId, cipher.encrypt(token, placeOf.refreshToken(connectionId))],
      );
      return added?.id;
    },
    revoke,
    tryNow: async (id, signal) => {
      try {
        await revoke(id, AbortSignal.any([signal, AbortSignal.timeout(firstAttemptMs)]));
      } catch (error) {
        // A timeout of the first attempt is no AppError. The connection is gone in any case, so the caller gets no error.
        const code = error instanceof AppError ? error.code : 'external_api_timeout';
        if (errorTable[code].category === 'internal') throw error;
        logger.warn({ code, revocation_id: id }, 'the calendar consent is revoked at Google later');
        await unitOfWork
          .run({ operation: 'calendar.connection' }, (transaction) =>
            jobs.enqueue(transaction, 'calendar', { key: `revocation:${id}`, data: { revocation: id }, isFirst: true }),
          )
          // The scheduled job finds the row too.
          .catch((failure: unknown) => logger.warn({ code: codeOf(failure) }, 'no job for the revocation was added'));
      }
    },
    pending: async () =>
      (
        await reader.query<{ id: string }>('select id from calendar_revocation order by id limit $1', [maxPendingRead])
      ).map(({ id }) => id),
  };
};
