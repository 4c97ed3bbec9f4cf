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
/** After this many missed polls, each check reads the database. */
const maxMissedPolls = 3;

/** 5 minutes are the max clock tolerance of the configuration. */
const keptAfterExpiryMs = 300_000;
/** A token whose life the database has not told yet is kept for the max life of tokens. The next poll tells it. */
const maxTokenAgeMs = 86_400_000 + 15 * 60_000;

type Row = { readonly token_id: string | null; readonly seconds_left: number; readonly read_at: string };

/**
 * The copy of the unexpired revoked tokens that this process keeps. A token leaves it by the monotonic clock, counted from what the database
 * says about its life. With the wall clock, a step by a day and back would empty the copy, and the tokens would be accepted again. What a poll
 * reads depends on the clock of the database alone, because that of a process stands still while its machine is suspended.
 */
export const createRevocationReads = ({ reader, clock, logger, pollMs }: RevocationReadsDeps): RevocationReads => {
  /** For each token the monotonic time at which it is removed, and whether the database has told it. */
  const revoked = new Map<string, { readonly removeAt: number; readonly isTold: boolean }>();
  let polledAt = Number.NEGATIVE_INFINITY;
  /** The time of the last poll by the clock of the database, in milliseconds; null before the first one, which reads all rows. */
  let readAt: string | null = null;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let failing = false;

  const add = (tokens: readonly EndedToken[]): void => {
    const removeAt = clock.monotonic() + maxTokenAgeMs;
    for (const { id } of tokens) if (!revoked.has(id)) revoked.set(id, { removeAt, isTold: false });
  };

  const removeExpired = (): void => {
    const now = clock.monotonic();
    for (const [id, { removeAt }] of revoked) if (removeAt < now) revoked.delete(id);
  };

  const read = async (): Promise<void> => {
    const startedAt = clock.monotonic();
    // After a failover, the clock of the database can be behind.
    const rows = await reader.query<Row>(
      `select (extract(epoch from now()) * 1000)::bigint::text as read_at, token_id, extract(epoch from expires_at - now())::float8 as seconds_left
       from (select) as once left join revoked_token on expires_at > now() - ${keptAfterExpiry}
         and ($1::float8 is null or revoked_at > least(to_timestamp($1::float8 / 1000), now()) - make_interval(secs => $2))`,
      [readAt, overlapSeconds],
    );
    for (const { token_id: id, seconds_left: left } of rows) {
      if (id === null) continue;
      const removeAt = startedAt + left * 1_000 + keptAfterExpiryMs;
      const known = revoked.get(id);
      // A clock of the database that is ahead for a while must not end an entry, because no later poll reads it again.
      revoked.set(id, { removeAt: known?.isTold ? Math.max(known.removeAt, removeAt) : removeAt, isTold: true });
    }
    readAt = rows[0]!.read_at;
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
