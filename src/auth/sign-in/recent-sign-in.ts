import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';

export type RecentSignInDeps = {
  readonly clock: Clock;
  /** Max age of a sign-in that may change how the user signs in. */
  readonly recentSignInSeconds: number;
};

/**
 * Refuses a caller whose sign-in is old, because a stolen session or token must not change how the user signs in. A token
 * without a stored sign-in, for example of the earlier system, counts as old, and so does a sign-in that was ended.
 * @throws AppError `reauthentication_required`
 */
export type AssertRecentSignIn = (
  caller: Principal,
  /** Of the transaction of the change. The account must be locked, so that no end of the sign-in comes between. */
  query: Query,
) => Promise<void>;

export const createRecentSignIn =
  ({ clock, recentSignInSeconds }: RecentSignInDeps): AssertRecentSignIn =>
  async ({ sessionId, tokenId }, query) => {
    const since = new Date(clock.now().getTime() - recentSignInSeconds * 1000);
    const found = await query(
      `select 1 from user_session where id = $1 and created_at >= $3
       union all
       select 1 from refresh_token as token join refresh_family as family on family.id = token.family_id
       where token.access_token_id = $2 and family.created_at >= $3 and family.revoked_at is null`,
      [sessionId ?? null, tokenId ?? null, since],
    );
    if (found.length > 0) return;
    throw new AppError(
      'reauthentication_required',
      `This change needs a sign-in of the last ${Math.round(recentSignInSeconds / 60)} minutes: sign in again, then repeat it`,
    );
  };
