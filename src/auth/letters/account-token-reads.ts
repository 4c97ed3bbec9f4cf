import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { AccountTokenPurpose } from '../account-entities.ts';
import { tokenDigest } from '../secrets/opaque-token.ts';
import { isContestedSql, isDisabledSql } from '../users/users.ts';

export type AccountTokenReadsDeps = { readonly reader: Reader; readonly clock: Clock };

export type TokenHolder = {
  readonly userId: string;
  readonly email: string;
  /** Only for an approval: the new address. The token is void for a change to another one. */
  readonly newEmail?: string;
  /** Only for a verification: the hash of the password of the registration that asked for the message. */
  readonly passwordHash?: string | undefined;
};

export type AccountTokenReads = {
  /** Looks a token up without using it. @throws AppError `account_token_invalid` */
  readonly find: (purposes: readonly AccountTokenPurpose[], token: string) => Promise<TokenHolder>;
};

export const accountTokenInvalid = (): AppError =>
  new AppError('account_token_invalid', 'The token is unknown, used or expired: ask for a new message');

export type TokenRow = { readonly id: string; readonly email: string };

/** SQL condition on `account_token as token` and `user_account as account`; `$1` digest, `$2` purposes, `$3` now. */
export const isValidSql = `token.token_hash = $1 and token.purpose = any($2) and token.expires_at > $3
  and account.id = token.user_id and not (${isDisabledSql})
  and case token.purpose
    when 'email_change'
      then exists (select 1 from email_change where user_id = account.id and email_change.new_email = token.email)
    when 'email_approval' then account.email = token.email
      and exists (select 1 from email_change where user_id = account.id and email_change.new_email = token.new_email)
    when 'email_verification' then account.email = token.email and not (${isContestedSql})
    else account.email = token.email end`;

/** Reads that change nothing, so they need no transaction. */
export const createAccountTokenReads = ({ reader, clock }: AccountTokenReadsDeps): AccountTokenReads => ({
  find: async (purposes, token) => {
    const [found] = await reader.query<TokenRow>(
      `select account.id, account.email from account_token as token, user_account as account where ${isValidSql}`,
      [tokenDigest(token), purposes, clock.now()],
    );
    if (!found) throw accountTokenInvalid();
    return { userId: found.id, email: found.email };
  },
});
