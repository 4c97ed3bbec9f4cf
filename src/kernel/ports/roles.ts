import { scopes as allScopes, type Scope } from '../requests/principal.ts';

/** The scopes of each role (setting `ROLES`). */
export type Roles = ReadonlyMap<string, readonly Scope[]>;

/** For tests and commands that need no roles: each user holds only the scopes of the account. */
export const noRoles: Roles = new Map();

/**
 * The scopes that a user holds: those of the role and those that were granted to the account itself. A role that is not
 * in the configuration has none.
 */
export const heldScopes = (
  roles: Roles,
  { role, scopes }: { readonly role: string; readonly scopes: readonly Scope[] },
): Scope[] => {
  const ofRole = roles.get(role) ?? [];
  return allScopes.filter((scope) => ofRole.includes(scope) || scopes.includes(scope));
};
