import { context } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';

/** An access token that is revoked before its expiry. */
export type EndedToken = { readonly id: string; readonly expiresAt: Date };

/**
 * SQL: a revoked token is stored until this time after its expiry. 5 minutes are the max clock tolerance of the configuration. 10
 * minutes more, because a consent for a calendar ends so long after it was begun, and ends with the token that began it.
 */
export const keptAfterExpiry = `interval '15 minutes'`;

/** SQL: a token that is older needs no revocation. ACCESS_TOKEN_EXPIRE_MINUTES is at most a day, also in an earlier configuration. */
export const maxTokenAge = `interval '1 day 15 minutes'`;

export type RevocationReadsDeps = {
  readonly reader: Reader;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pollMs: number;
};

export type RevocationReads = {
  /**
   * Reads from memory while the last poll is recent, else from the database.
   * @throws AppError of category database when the database cannot be read either
   */
  readonly isRevoked: (principal: Principal) => boolean | Promise<boolean>;
  /** Adds tokens to the copy in memory. */
  readonly add: (tokens: readonly EndedToken[]) => void;
  /** Polls until `close`. The schema must exist. */
  readonly start: () => void;
  readonly close: () => void;
};

/** A poll also reads this time before the previous poll, because a transaction may have been open then. */
const overlapSeconds = 30;
/** After a longer gap between polls, the next poll reads all rows. */
const maxGapMs = 10_000;
/** After this many missed polls, each check reads the database. */
const maxMissedPolls = 3;

type Row = { readonly token_id: string; readonly expires_at: Date };

/** The copy of the unexpired revoked tokens that this process keeps. */
export const createRevocationReads = ({ reader, clock, logger, pollMs }: RevocationReadsDeps): RevocationReads => {
  const revoked = new Map<string, number>();
  let polledAt = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let failing = false;

  const add = (tokens: readonly EndedToken[]): void => {
    for (const { id, expiresAt } of tokens) revoked.set(id, expiresAt.getTime());
  };

  const removeExpired = (): void => {
    // Five minutes after expiry, which is the max clock tolerance of the configuration.
    const before = clock.now().getTime() - 300_000;
    for (const [id, expiresAt] of revoked) if (expiresAt < before) revoked.delete(id);
  };

  const read = async (): Promise<void> => {
    const startedAt = clock.monotonic();
    const isFullRead = startedAt - polledAt > maxGapMs;
    const rows = await reader.query<Row>(
      `select token_id, expires_at from revoked_token
       where expires_at > now() - interval '5 minutes' and ($1 or revoked_at > now() - make_interval(secs => $2))`,
      [isFullRead, overlapSeconds],
    );
    add(rows.map(({ token_id: id, expires_at: expiresAt }) => ({ id, expiresAt })));
    polledAt = startedAt;
  };

  const poll = async (): Promise<void> => {
    try {
      await context.with(suppressTracing(context.active()), read);
      removeExpired();
      if (failing) logger.info({}, 'revoked tokens are read again');
      failing = false;
    } catch (error) {
      if (!failing) logger.warn({ code: codeOf(error) }, 'revoked tokens cannot be read; each check asks the database');
      failing = true;
    }
    if (!closed) timer = setTimeout(() => void poll(), pollMs).unref();
  };

  const isStored = async (id: string): Promise<boolean> => {
    const rows = await reader.query('select 1 as found from revoked_token where token_id = $1', [id]);
    return rows.length > 0;
  };

  return {
    isRevoked: ({ tokenId }) => {
      if (tokenId === undefined) return false;
      if (revoked.has(tokenId)) return true;
      return clock.monotonic() - polledAt <= maxMissedPolls * pollMs ? false : isStored(tokenId);
    },
    add,
    start: () => void poll(),
    close: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
};
