import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import {
  createRevocationReads,
  type EndedToken,
  type RevocationReads,
  type RevocationReadsDeps,
} from './revocation-reads.ts';

export type { EndedToken };

/** Best-effort messages between instances. A lost message delays a revocation until the next poll. */
export type RevocationFeed = {
  readonly publish: (tokens: readonly EndedToken[]) => void;
  readonly subscribe: (receive: (tokens: readonly EndedToken[]) => void) => void;
};

export type RevocationsDeps = RevocationReadsDeps & { readonly feed?: RevocationFeed | undefined };

export type Revocations = Pick<RevocationReads, 'isRevoked' | 'start' | 'close'> & {
  /**
   * Stores revocations. Call `announce` with the same tokens after the commit.
   * @returns whether one of the tokens was not revoked yet. Of requests at the same time, one gets true. Events stay for good, so
   * only this one records an event.
   */
  readonly record: (transaction: Transaction, tokens: readonly EndedToken[]) => Promise<boolean>;
  /** Applies committed revocations on this instance, and publishes them to the others through the feed. */
  readonly announce: (tokens: readonly EndedToken[]) => void;
};

/**
 * Revoked access tokens. They are stored in the database, and each process keeps a copy of the unexpired ones. The instance
 * that revokes a token refuses it at once. Other instances refuse it within milliseconds through the feed, or within
 * `pollMs` without the feed. When polls fail, each check reads the database after `3 * pollMs`.
 */
export const createRevocations = ({ feed, ...deps }: RevocationsDeps): Revocations => {
  const reads = createRevocationReads(deps);
  return {
    isRevoked: reads.isRevoked,
    // SQL, because a token can be revoked already, and the transaction must not fail then.
    record: async ({ query }, tokens) => {
      const recorded = await query(
        `insert into revoked_token (token_id, revoked_at, expires_at)
         select token_id, clock_timestamp(), expires_at from unnest($1::text[], $2::timestamptz[]) as ended (token_id, expires_at)
         on conflict (token_id) do nothing returning 1`,
        [tokens.map(({ id }) => id), tokens.map(({ expiresAt }) => expiresAt)],
      );
      return recorded.length > 0;
    },
    announce: (tokens) => {
      if (tokens.length === 0) return;
      reads.add(tokens);
      feed?.publish(tokens);
    },
    start: () => {
      feed?.subscribe(reads.add);
      reads.start();
    },
    close: reads.close,
  };
};
