import type { Scope } from '#src/kernel/requests/principal.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';

export type User = {
  readonly id: string;
  readonly email: string;
  readonly role: string;
  readonly scopes: readonly Scope[];
};

/** What a new account may do; more comes from an operator. */
export const newUser = { role: 'user', scopes: ['ml:read'] } as const satisfies Pick<User, 'role' | 'scopes'>;

/**
 * The form under which an address is stored and looked for: one account for all its spellings. The local part is
 * lower-cased too; in theory it may be case-sensitive, in practice two people never share one.
 */
export const normalizedEmail = (email: string): string => email.trim().normalize('NFKC').toLowerCase();

/** A condition on a row of `user_account as account`: an operator has disabled it. */
export const isDisabledSql = `exists (select 1 from owner_end
  where owner_kind = 'user' and owner_id = account.id::text and reason = 'disabled')`;

export type StoredUser = User & { readonly password_hash: string };

/** `disabled`: by an operator. `known_place`: the user has signed in from the network that was asked about. */
export type FoundUser = StoredUser & { readonly disabled: boolean; readonly known_place: boolean };

export const findUser = async (query: Query, email: string, placeHash: Buffer): Promise<FoundUser | undefined> => {
  const [user] = await query<FoundUser>(
    `select account.id, email, role, scopes, password_hash, ${isDisabledSql} as disabled,
       place.user_id is not null as known_place
     from user_account as account
     left join sign_in_place as place on place.user_id = account.id and place.place_hash = $2
     where email = $1`,
    [email, placeHash],
  );
  return user;
};

/** @returns whose account has the address now: the new user's, or that of the user who had it before */
export const insertUser = async (
  query: Query,
  user: StoredUser,
  createdAt: Date,
): Promise<{ readonly id: string; readonly inserted: boolean } | undefined> => {
  // One statement whether or not the address is taken, so that both cost the same.
  const [row] = await query<{ id: string; inserted: boolean }>(
    `with inserted as (
       insert into user_account (id, email, password_hash, role, scopes, created_at)
       values ($1, $2, $3, $4, $5, $6) on conflict (email) do nothing returning id
     )
     select id, true as inserted from inserted
     union all select id, false from user_account where email = $2 and not exists (select 1 from inserted)`,
    [user.id, user.email, user.password_hash, user.role, user.scopes, createdAt],
  );
  return row;
};

/** Only while the hash is still `before`: a password changed meanwhile stays. */
export const replacePasswordHash = async (
  query: Query,
  id: string,
  { before, after }: { readonly before: string; readonly after: string },
): Promise<void> => {
  await query('update user_account set password_hash = $3 where id = $1 and password_hash = $2', [id, before, after]);
};
