import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { isAccountId, unknownUser } from '#src/kernel/requests/unknown-user.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';

type OwnAccount = { readonly id: string; readonly email: string };

/**
 * The account of a signed-in user.
 * @throws AppError `resource_not_found` for clients and API keys; `token_user_unknown` for a user without an account here
 */
export type FindOwnAccount = (caller: Principal) => Promise<OwnAccount>;

export const createOwnAccountReads =
  ({ reader }: { readonly reader: Reader }): FindOwnAccount =>
  async ({ kind, subject }) => {
    if (kind !== 'user') throw new AppError('resource_not_found', 'Only a signed-in user has an account');
    if (!isAccountId(subject)) throw unknownUser();
    const [account] = await reader.query<OwnAccount>('select id, email from user_account where id = $1', [subject]);
    if (!account) throw unknownUser();
    return account;
  };
