import type { Principal } from '#src/kernel/requests/principal.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import { isAccountId } from '#src/kernel/requests/unknown-user.ts';

/** Replaces the subject of a legacy token by the id of the account here. Other principals are returned as they are. */
export type ResolveLegacyUser = (principal: Principal) => Promise<Principal>;

/** Ids are safe integers, so a longer text is not an id of the earlier system. */
const integerId = /^\d{1,16}$/;

/**
 * By id, else by e-mail address. An account that has another id of the earlier system is not found by its address, because
 * the address may have been given to another user.
 */
const findSql = `
  select id, email from user_account
  where id = $1::text::uuid or legacy_id = $2::text::bigint
    or (email = $3 and ($2::text is null or legacy_id is null))
  order by (id = $1::text::uuid) is true desc, (legacy_id = $2::text::bigint) is true desc limit 1`;

type Row = { readonly id: string; readonly email: string };

/** Tokens of the earlier system name a user by the id or e-mail address that the user had there. */
export const createLegacyUsers =
  ({ reader }: { readonly reader: Reader }): ResolveLegacyUser =>
  async (principal) => {
    if (principal.tokenFormat !== 'legacy') return principal;
    const { subject, email } = principal;
    const [found] = await reader.query<Row>(findSql, [
      isAccountId(subject) ? subject : null,
      integerId.test(subject) ? subject : null,
      email?.trim().normalize('NFKC').toLowerCase() ?? null,
    ]);
    return found ? { ...principal, subject: found.id, email: email ?? found.email } : principal;
  };
