import { context } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import type { Reader, Transaction } from '#src/kernel/ports/unit-of-work.ts';

/** One access token that ends before its time. */
export type EndedToken = { readonly id: string; readonly expiresAt: Date };

/** Best-effort messages between instances: losing one costs a poll interval. */
export type RevocationFeed = {
  readonly publish: (tokens: readonly EndedToken[]) => void;
  readonly subscribe: (receive: (tokens: readonly EndedToken[]) => void) => void;
};

export type RevocationsDeps = {
  readonly reader: Reader;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pollMs: number;
  readonly feed?: RevocationFeed | undefined;
};

export type Revocations = {
  /**
   * From memory while the last poll is fresh, else from the database.
   * @throws AppError of category database when neither can tell
   */
  readonly isRevoked: (principal: Principal) => boolean | Promise<boolean>;
  /** Writes the truth. Call `announce` with the same tokens after the commit. */
  readonly record: (transaction: Transaction, tokens: readonly EndedToken[]) => Promise<void>;
  /** Makes committed revocations known: here at once, elsewhere through the feed or at the next poll. */
  readonly announce: (tokens: readonly EndedToken[]) => void;
  /** Polls until `close`; the schema must be there. */
  readonly start: () => void;
  readonly close: () => void;
};

/** Polls look back this far, over any transaction that was still open at the one before. */
const overlapSeconds = 30;
/** A poll this long after the one before reads everything again. */
const longestGapMs = 10_000;
/** So many polls may fail before memory is no longer trusted. */
const freshPolls = 3;

type Row = { readonly token_id: string; readonly expires_at: Date };

/**
 * Revoked access tokens: the database holds the truth, each process a copy of what is still of use. A token revoked
 * here is refused here at once; on another instance within milliseconds when the feed works, within `pollMs` when it
 * does not, and within `3 * pollMs` at worst, from when on each check asks the database itself.
 */
export const createRevocations = ({ reader, clock, logger, pollMs, feed }: RevocationsDeps): Revocations => {
  const revoked = new Map<string, number>();
  let polledAt = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let failing = false;

  const learn = (tokens: readonly EndedToken[]): void => {
    for (const { id, expiresAt } of tokens) revoked.set(id, expiresAt.getTime());
  };

  const forget = (): void => {
    // Five minutes over its end: the greatest clock tolerance that the configuration allows.
    const before = clock.now().getTime() - 300_000;
    for (const [id, expiresAt] of revoked) if (expiresAt < before) revoked.delete(id);
  };

  const read = async (): Promise<void> => {
    const began = clock.monotonic();
    const everything = began - polledAt > longestGapMs;
    const rows = await reader.query<Row>(
      `select token_id, expires_at from revoked_token
       where expires_at > now() - interval '5 minutes' and ($1 or revoked_at > now() - make_interval(secs => $2))`,
      [everything, overlapSeconds],
    );
    learn(rows.map(({ token_id: id, expires_at: expiresAt }) => ({ id, expiresAt })));
    polledAt = began;
  };

  const poll = async (): Promise<void> => {
    try {
      await context.with(suppressTracing(context.active()), read);
      forget();
      if (failing) logger.info({}, 'revoked tokens are read again');
      failing = false;
    } catch (error) {
      if (!failing) logger.warn({ code: codeOf(error) }, 'revoked tokens cannot be read; each check asks the database');
      failing = true;
    }
    if (!closed) timer = setTimeout(() => void poll(), pollMs).unref();
  };

  const ask = async (id: string): Promise<boolean> => {
    const rows = await reader.query('select 1 as found from revoked_token where token_id = $1', [id]);
    return rows.length > 0;
  };

  return {
    isRevoked: ({ tokenId }) => {
      if (tokenId === undefined) return false;
      if (revoked.has(tokenId)) return true;
      return clock.monotonic() - polledAt <= freshPolls * pollMs ? false : ask(tokenId);
    },
    record: async ({ query }, tokens) => {
      await query(
        `insert into revoked_token (token_id, revoked_at, expires_at)
         select token_id, clock_timestamp(), expires_at from unnest($1::text[], $2::timestamptz[]) as ended (token_id, expires_at)
         on conflict (token_id) do nothing`,
        [tokens.map(({ id }) => id), tokens.map(({ expiresAt }) => expiresAt)],
      );
    },
    announce: (tokens) => {
      if (tokens.length === 0) return;
      learn(tokens);
      feed?.publish(tokens);
    },
    start: () => {
      feed?.subscribe(learn);
      void poll();
    },
    close: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
};
