import type { PageRequest } from '#src/kernel/lists/pages.ts';
import type { Roles } from '#src/kernel/ports/roles.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import { isAccountId } from '#src/kernel/requests/unknown-user.ts';
import { normalizedEmail } from '../users/users.ts';
import {
  existingUser,
  findIdByEmail,
  listManagedUsers,
  userNotFound,
  type ManagedUser,
  type UserFilters,
} from './user-queries.ts';

export type UserAdminReadsDeps = { readonly reader: Reader; readonly roles: Roles };

/** Each method with an id throws AppError `resource_not_found` for an unknown user. */
export type UserAdminReads = {
  readonly list: (filters: UserFilters, page: PageRequest) => Promise<readonly ManagedUser[]>;
  readonly find: (id: string) => Promise<ManagedUser>;
  /** @param text the id or the e-mail address of a user */
  readonly idOf: (text: string) => Promise<string>;
};

/** Reads that change nothing, so they need no transaction. */
export const createUserAdminReads = ({ reader, roles }: UserAdminReadsDeps): UserAdminReads => ({
  list: (filters, page) => listManagedUsers(reader.query, roles, filters, page),

  find: (id) => existingUser(reader.query, roles, id),

  idOf: async (text) => {
    const id = isAccountId(text) ? text.toLowerCase() : await findIdByEmail(reader.query, normalizedEmail(text));
    if (id === undefined) throw userNotFound();
    return id;
  },
});
