import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Owner } from '#src/kernel/ports/owners.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import { isAccountId } from '#src/kernel/requests/unknown-user.ts';
import { isUnclaimedSql } from '../users/users.ts';

export type CredentialOwnerReadsDeps = { readonly reader: Reader; readonly clock: Clock };

export type CredentialOwnerReads = {
  /** @param text `user:ID`, `user:EMAIL` or `client:ID` @throws AppError `resource_not_found` */
  readonly find: (text: string) => Promise<Owner>;
  /** Whether an account or a client with this id is stored. */
  readonly isStored: (owner: Owner) => Promise<boolean>;
  /** The ids of users who asked for the removal of their account and whose grace period is over. */
  readonly dueForRemoval: (limit: number) => Promise<readonly string[]>;
  /** The ids of accounts that are older than `days` and that nobody claimed, oldest first. */
  readonly unused: (days: number, limit: number) => Promise<readonly string[]>;
};

export const credentialNotFound = (what: string): AppError =>
  new AppError('resource_not_found', `There is no such ${what}`);

/** Reads that change nothing, so they need no transaction. */
export const createCredentialOwnerReads = ({ reader, clock }: CredentialOwnerReadsDeps): CredentialOwnerReads => ({
  find: async (text) => {
    const [, kind, id = ''] = /^(user|client):(.+)$/s.exec(text) ?? [];
    if (kind === 'client') return { kind, id };
    if (kind !== 'user') throw credentialNotFound('owner: write user:ID, user:EMAIL or client:ID');
    if (isAccountId(id)) return { kind, id: id.toLowerCase() };
    const email = id.trim().normalize('NFKC').toLowerCase();
    const [user] = await reader.query<{ id: string }>('select id from user_account where email = $1', [email]);
    // A foreign user has no account here, only an id in tokens.
    if (!user && id.includes('@')) throw credentialNotFound('user');
    return { kind, id: user?.id ?? id };
  },

  isStored: async ({ kind, id }) => {
    const found = await reader.query(
      `select 1 from user_account where $1 = 'user' and id::text = $2
       union all select 1 from oauth_client where $1 = 'client' and id = $2`,
      [kind, id],
    );
    return found.length > 0;
  },

  dueForRemoval: async (limit) => {
    const rows = await reader.query<{ id: string }>(
      'select id from user_account where removal_at <= $1 order by removal_at limit $2',
      [clock.now(), limit],
    );
    return rows.map(({ id }) => id);
  },

  unused: async (days, limit) => {
    const rows = await reader.query<{ id: string }>(
      `select id from user_account as account
       where ${isUnclaimedSql} and created_at < now() - $1 * interval '1 day' order by created_at limit $2`,
      [days, limit],
    );
    return rows.map(({ id }) => id);
  },
});
