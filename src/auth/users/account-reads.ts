import type { Reader } from '#src/kernel/ports/unit-of-work.ts';

export type AccountReadsDeps = { readonly reader: Reader };

/** Reads the hash of the password of the account with this address. */
export type FindPasswordHash = (email: string) => Promise<string | undefined>;

export const createAccountReads =
  ({ reader }: AccountReadsDeps): FindPasswordHash =>
  async (email) => {
    const [user] = await reader.query<{ password_hash: string }>(
      'select password_hash from user_account where email = $1',
      [email],
    );
    return user?.password_hash;
  };
