import type { PageRequest } from '#src/kernel/lists/pages.ts';
import type { Owner } from '#src/kernel/ports/owners.ts';
import type { Principal, Scope } from '#src/kernel/requests/principal.ts';

/** A key as its owner sees it. The key itself is shown only at its creation. */
export type ApiKey = {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly scopes: readonly Scope[];
  readonly created_at: Date;
  readonly expires_at: Date | null;
  readonly last_used_at: Date | null;
};

export type ShownKey = ApiKey & { readonly key: string };

type NewApiKey = {
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** The end of a key that was created at this time; null for no end. */
  readonly endOf: (createdAt: Date) => Date | null;
};

export type ApiKeys = {
  /**
   * @throws AppError `scope_insufficient` for a scope that the owner does not hold, or when the caller is an API key;
   * `validation_failed` when the owner has the max number of keys
   */
  readonly create: (owner: Principal, wanted: NewApiKey) => Promise<ShownKey>;
  /** The active keys of the owner, oldest first. */
  readonly list: (owner: Principal, page: PageRequest) => Promise<readonly ApiKey[]>;
  /** @throws AppError `resource_not_found`, also for a key of another owner */
  readonly revoke: (owner: Principal, id: string) => Promise<void>;
  /**
   * The principal of a key, with the scopes of the key. The owner rule reduces them to the scopes of the owner.
   * @throws AppError `api_key_invalid` for a key that is unknown, revoked or expired; `rate_limit_exceeded` when many
   * credentials of the address were refused
   */
  readonly authenticate: (key: string) => Promise<Principal>;
  /** Records the use of a key whose owner does not exist any more. */
  readonly noteWithoutOwner: (id: string, owner: Owner) => void;
};
