import { AppError } from '#src/kernel/catalogue/errors.ts';
import { isAccountId } from '#src/kernel/requests/unknown-user.ts';
import { isContestedSql, isDisabledSql } from '../users/users.ts';
import type { PageRequest } from '#src/kernel/lists/pages.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import type { Scope } from '#src/kernel/requests/principal.ts';
import { heldScopes, type Roles } from '#src/kernel/ports/roles.ts';

/** A user as an administrator sees it. */
export type ManagedUser = {
  readonly id: string;
  readonly email: string;
  readonly role: string;
  /** The scopes of the account, without those of the role. */
  readonly scopes: readonly Scope[];
  /** All scopes that the user holds: those of the role and of the account. */
  readonly heldScopes: readonly Scope[];
  readonly disabled: boolean;
  readonly secondFactor: boolean;
  readonly version: number;
  readonly createdAt: Date;
  readonly firstSignedInAt: Date | null;
  /** The owner proved that messages to the address arrive. */
  readonly verified: boolean;
  /** Two people may have registered the address, and neither has proved to own it. */
  readonly contested: boolean;
  /** An operator has imported it from the earlier system. */
  readonly imported: boolean;
};

export type UserFilters = { readonly role?: string | undefined; readonly disabled?: boolean | undefined };

type Row = {
  readonly id: string;
  readonly email: string;
  readonly role: string;
  readonly scopes: Scope[];
  readonly disabled: boolean;
  readonly version: number;
  readonly created_at: Date;
  readonly first_signed_in_at: Date | null;
  readonly second_factor: boolean;
  readonly verified: boolean;
  readonly contested: boolean;
  readonly imported: boolean;
};

const columns = `account.id, email, role, scopes, version, created_at, first_signed_in_at, ${isDisabledSql} as disabled,
  email_verified_at is not null as verified, ${isContestedSql} as contested, legacy_id is not null as imported,
  exists (select 1 from user_second_factor where user_id = account.id and confirmed_at is not null) as second_factor`;

const toUser = (roles: Roles, row: Row): ManagedUser => ({
  id: row.id,
  email: row.email,
  role: row.role,
  scopes: row.scopes,
  heldScopes: row.disabled ? [] : heldScopes(roles, row),
  disabled: row.disabled,
  secondFactor: row.second_factor,
  version: row.version,
  createdAt: row.created_at,
  firstSignedInAt: row.first_signed_in_at,
  verified: row.verified,
  contested: row.contested,
  imported: row.imported,
});

const findManagedUser = async (query: Query, roles: Roles, id: string): Promise<ManagedUser | undefined> => {
  const [row] = await query<Row>(`select ${columns} from user_account as account where id = $1`, [id]);
  return row && toUser(roles, row);
};

export const userNotFound = (): AppError => new AppError('resource_not_found', 'There is no such user');

/** @throws AppError `resource_not_found` */
export const existingUser = async (query: Query, roles: Roles, id: string): Promise<ManagedUser> => {
  const user = isAccountId(id) ? await findManagedUser(query, roles, id) : undefined;
  if (!user) throw userNotFound();
  return user;
};

/** @returns the id of the account with this address */
export const findIdByEmail = async (query: Query, email: string): Promise<string | undefined> =>
  (await query<{ id: string }>('select id from user_account where email = $1', [email]))[0]?.id;

/** In the order of their ids, which is the order of their creation. */
export const listManagedUsers = async (
  query: Query,
  roles: Roles,
  { role, disabled }: UserFilters,
  { after, from, to, limit }: PageRequest,
): Promise<readonly ManagedUser[]> => {
  const rows = await query<Row>(
    `select ${columns} from user_account as account
     where ($1::uuid is null or id > $1)
       and ($2::date is null or created_at >= $2::date::timestamp at time zone 'UTC')
       and ($3::date is null or created_at < ($3::date + 1)::timestamp at time zone 'UTC')
       and ($4::text is null or role = $4)
       and ($5::boolean is null or ${isDisabledSql} = $5)
     order by id limit $6`,
    [after, from, to, role ?? null, disabled ?? null, limit],
  );
  return rows.map((row) => toUser(roles, row));
};
