import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { CredentialLookups } from '#src/kernel/credentials/credential-lookups.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { TaggedSecrets } from '#src/kernel/credentials/tagged-secrets.ts';
import { AccountTokenEntity, UserAccountEntity, type AccountTokenPurpose } from '../account-entities.ts';
import { tokenDigest } from '../secrets/opaque-token.ts';
import {
  accountTokenInvalid,
  createAccountTokenReads,
  isValidSql,
  type AccountTokenReads,
  type AccountTokenReadsDeps,
  type TokenHolder,
  type TokenRow,
} from './account-token-reads.ts';

export type AccountTokensDeps = AccountTokenReadsDeps & {
  readonly lookups: CredentialLookups;
  readonly taggedSecrets: TaggedSecrets;
  readonly lifetimeSeconds: Readonly<Record<AccountTokenPurpose, number>>;
};

type RedeemedToken = Pick<TokenHolder, 'userId' | 'email'> & { readonly purpose: AccountTokenPurpose };

export type AccountTokens = AccountTokenReads & {
  /** Stores the digest of a new token. Earlier tokens stay valid, because their messages can still be on their way. */
  readonly create: (transaction: Transaction, purpose: AccountTokenPurpose, holder: TokenHolder) => Promise<string>;
  /**
   * Runs `work`, which looks the token up, unless the caller must wait. Call it before a transaction begins, so that a
   * made-up token takes no connection.
   * @throws AppError `rate_limit_exceeded` when many credentials of the address were refused, and what `work` throws
   */
  readonly guard: <T>(token: string, work: () => Promise<T>) => Promise<T>;
  /**
   * Uses a token of one of these purposes up, with all others of its purpose and account. Of simultaneous requests exactly
   * one succeeds.
   * @throws AppError `account_token_invalid`
   */
  readonly redeem: (
    transaction: Transaction,
    purposes: readonly AccountTokenPurpose[],
    token: string,
  ) => Promise<RedeemedToken>;
  /** Ends the tokens of an account for these purposes. */
  readonly end: (transaction: Transaction, userId: string, purposes: readonly AccountTokenPurpose[]) => Promise<void>;
};

const prefix = 'vwm_';

export const createAccountTokens = (deps: AccountTokensDeps): AccountTokens => {
  const { clock, lookups, taggedSecrets, lifetimeSeconds } = deps;

  const end: AccountTokens['end'] = async ({ query }, userId, purposes) => {
    await query('delete from account_token where user_id = $1 and purpose = any($2)', [userId, purposes]);
  };

  return {
    create: async ({ em }, purpose, { userId, email, newEmail, passwordHash }) => {
      const token = taggedSecrets.create(prefix);
      const now = clock.now();
      em.create(AccountTokenEntity, {
        tokenHash: tokenDigest(token),
        user: em.getReference(UserAccountEntity, userId),
        purpose,
        email,
        passwordHash: passwordHash ?? null,
        newEmail: newEmail ?? null,
        createdAt: now,
        expiresAt: new Date(now.getTime() + lifetimeSeconds[purpose] * 1_000),
      });
      await em.flush();
      return token;
    },

    guard: async (token, work) => {
      const lookup = { kind: 'account_token', secret: token, isOurs: taggedSecrets.isOurs(token) } as const;
      const found = await lookups.run(lookup, async () => {
        try {
          return { result: await work() };
        } catch (error) {
          if (codeOf(error) === 'account_token_invalid') return undefined;
          throw error;
        }
      });
      if (!found) throw accountTokenInvalid();
      return found.result;
    },

    ...createAccountTokenReads(deps),

    redeem: async (transaction, purposes, token) => {
      // The account first, as every other change does, so that two changes cannot wait for each other.
      const locked = await transaction.query(
        `select 1 from account_token as token, user_account as account where ${isValidSql} for no key update of account`,
        [tokenDigest(token), purposes, clock.now()],
      );
      if (locked.length === 0) throw accountTokenInvalid();
      // SQL, because one statement checks the token and removes it, so that only one request can use it.
      const [used] = await transaction.query<TokenRow & { readonly purpose: AccountTokenPurpose }>(
        `delete from account_token as token using user_account as account where ${isValidSql}
         returning account.id, account.email, token.purpose`,
        [tokenDigest(token), purposes, clock.now()],
      );
      if (!used) throw accountTokenInvalid();
      await end(transaction, used.id, [used.purpose]);
      return { userId: used.id, email: used.email, purpose: used.purpose };
    },

    end,
  };
};
