import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import { isContestedSql, isDisabledSql } from '../users/users.ts';
import type { TokenHolder } from './account-token-reads.ts';

export type LetterReadsDeps = { readonly reader: Reader };

export type LetterReads = {
  /** The account of an address, unless it is disabled. */
  readonly findHolder: (
    email: string,
  ) => Promise<(TokenHolder & { readonly isVerified: boolean; readonly isContested: boolean }) | undefined>;
  /** Whether the change of address that waits for this account has the new address `email`. */
  readonly isWaitingFor: (userId: string, email: string) => Promise<boolean>;
  /** The new address of the change that waits for its approval. */
  readonly findUnapproved: (userId: string) => Promise<string | undefined>;
};

/** Reads that change nothing, so they need no transaction. */
export const createLetterReads = ({ reader }: LetterReadsDeps): LetterReads => ({
  findHolder: async (email) => {
    const [found] = await reader.query<{ id: string; verified: boolean; contested: boolean }>(
      `select account.id, email_verified_at is not null as verified, ${isContestedSql} as contested from user_account as account
       where email = $1 and not (${isDisabledSql})`,
      [email],
    );
    return found && { userId: found.id, email, isVerified: found.verified, isContested: found.contested };
  },

  isWaitingFor: async (userId, email) => {
    const sql = 'select 1 from email_change where user_id = $1 and new_email = $2';
    return (await reader.query(sql, [userId, email])).length > 0;
  },

  findUnapproved: async (userId) => {
    const [change] = await reader.query<{ new_email: string }>(
      'select new_email from email_change where user_id = $1 and approved_at is null',
      [userId],
    );
    return change?.new_email;
  },
});
