import type { Principal } from '#src/kernel/requests/principal.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import { isAccountId } from '#src/kernel/requests/unknown-user.ts';
import { isUnclaimedSql, normalizedEmail } from './users.ts';

/** Ids of the earlier system are safe integers, so a longer text is not such an id. */
const integerId = /^\d{1,16}$/;

/**
 * Finds the account by the id in this service or in the earlier system, else by the e-mail address. Both can match, with different
 * accounts. The order prefers the exact id, because an address can be given to another person and an id cannot. For the same
 * reason the address does not find an account that has another id of the earlier system, and where addresses must be verified
 * it finds only an account whose address is, because anybody can register an address of another person. An account that is younger than
 * the token belongs to somebody who got the address later, and a token whose id is that of an ended owner belongs to that owner.
 * The time of issue is a whole second, so one second is added to it.
 */
const findSql = `
  select id, email, ${isUnclaimedSql} as unclaimed from user_account as account
  where id = $1::text::uuid or legacy_id = $2::text::bigint
    or (email = $3 and ($2::text is null or legacy_id is null) and (not $4 or email_verified_at is not null)
      and ($5::float8 is null or coalesce(email_since, created_at) < to_timestamp($5::float8 + 1))
      and not exists (select 1 from owner_end where owner_kind = 'user' and owner_id = $6 and reason = 'deleted'))
  order by (id = $1::text::uuid) is true desc, (legacy_id = $2::text::bigint) is true desc limit 1`;

type LegacyUser = { readonly id: string; readonly email: string; readonly unclaimed: boolean };

export type LegacyUserReadsDeps = {
  readonly reader: Reader;
  /** Whether users must verify their address before they can sign in. */
  readonly verificationRequired: boolean;
};

/** Finds the account of a token of the earlier system. */
export type FindLegacyUser = (
  token: Pick<Principal, 'subject' | 'email' | 'tokenIssuedAt'>,
) => Promise<LegacyUser | undefined>;

/** Reads that change nothing, so they need no transaction. */
export const createLegacyUserReads =
  ({ reader, verificationRequired }: LegacyUserReadsDeps): FindLegacyUser =>
  async ({ subject, email, tokenIssuedAt }) => {
    const [found] = await reader.query<LegacyUser>(findSql, [
      isAccountId(subject) ? subject : null,
      integerId.test(subject) ? subject : null,
      email === undefined ? null : normalizedEmail(email),
      verificationRequired,
      // Not below 0, because PostgreSQL has no times long before our era.
      tokenIssuedAt === undefined ? null : Math.max(0, tokenIssuedAt),
      subject,
    ]);
    return found;
  };
