import type { Clock } from '#src/kernel/ports/clock.ts';
import { shareOwnerTurn } from '#src/kernel/lists/owner-turn.ts';
import {
  commonScopes,
  credentialsTurn,
  ownerOf,
  type Owner,
  type Owners,
  type OwnerStanding,
  type StoringCaller,
} from '#src/kernel/ports/owners.ts';
import { heldScopes, type Roles } from '#src/kernel/ports/roles.ts';
import { createSharedLoads } from '#src/kernel/requests/callers/shared-loads.ts';
import { scopes as allScopes, type Scope } from '#src/kernel/requests/principal.ts';
import type { Query, Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { OwnerEndReason } from '../account-entities.ts';
import { scopeInsufficient, tokenRefused } from '../tokens/token-refusal.ts';
import { assertCredentialLives } from './credential-lives.ts';
import { isTokenEnded, ownerGone } from './owner-refusal.ts';
import { tokenEndColumns, tokenEndsOf, type TokenEndsRow } from './token-ends.ts';

export type OwnersDeps = {
  readonly reader: Reader;
  readonly clock: Clock;
  readonly roles: Roles;
  /** The client of the configuration. It holds all scopes and exists while the configuration names it. */
  readonly bootstrap: { readonly id: string } | undefined;
  /** Lifetime of a cache entry. 0: each lookup reads the database. */
  readonly cacheMs: number;
  /** Whether a user holds scopes only with a verified address. */
  readonly verificationRequired: boolean;
};

type Row = TokenEndsRow & {
  readonly unverified: boolean | null;
  readonly scopes: Scope[] | null;
  readonly role: string | null;
  readonly reason: OwnerEndReason | null;
};
type Entry = { readonly readAt: number; readonly standing: OwnerStanding };

/** Bounds the memory of the cache. */
const maxEntries = 10_000;
/** While the database cannot be read, a stale entry is used up to this multiple of `cacheMs`. */
const maxStaleFactor = 3;

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** One row, also for an owner without an end, which is joined to `tables`. */
const endedSql = (tables = ''): string => `reason, ${tokenEndColumns}
  from (values (1)) as one ${tables} left join owner_end on owner_kind = $1 and owner_id = $2::text`;
// An account with an id of the earlier system was imported by an operator, so its tokens need no other proof (decision 0269).
const userSql = `select scopes, role, email_verified_at is null and legacy_id is null as unverified,
  ${endedSql('left join user_account on id = $2::text::uuid')}`;
// Ids of accounts are UUIDs. Another id belongs to a foreign user, and PostgreSQL would refuse it in a UUID column.
const foreignSql = `select null as scopes, null as role, null as unverified, ${endedSql()}`;
const clientSql = `select scopes, null as role, null as unverified,
  ${endedSql('left join oauth_client on id = $2::text and revoked_at is null')}`;

const sqlFor = ({ kind, id }: Owner): string => {
  if (kind === 'client') return clientSql;
  return uuid.test(id) ? userSql : foreignSql;
};

/** Looks up whether an owner exists, and the scopes that the owner holds now. All rooms use it. */
export const createOwners = (deps: OwnersDeps): Owners => {
  const { reader, clock, roles, bootstrap, cacheMs, verificationRequired } = deps;
  const cache = new Map<string, Entry>();
  const shareLookup = createSharedLoads();

  /** The scopes of the row and of its role. Null: the owner is not stored. */
  const storedScopes = ({ scopes, role }: Pick<Row, 'scopes' | 'role'> = { scopes: null, role: null }) =>
    scopes && role !== null ? heldScopes(roles, { role, scopes }) : scopes;

  const read = async (owner: Owner, query: Query): Promise<OwnerStanding> => {
    const { kind, id } = owner;
    // Stored ids of users are lower case, because PostgreSQL prints UUIDs this way.
    const key = kind === 'user' && uuid.test(id) ? id.toLowerCase() : id;
    const [row] = await query<Row>(sqlFor(owner), [kind, key]);
    const held = kind === 'client' && id === bootstrap?.id ? allScopes : storedScopes(row);
    const tokens = tokenEndsOf(row);
    const reason = row?.reason;
    if (reason === 'disabled' || reason === 'deleted') return { state: 'gone' };
    if (held !== null && verificationRequired && row?.unverified) return { state: 'gone', unverified: true };
    if (held !== null) return { state: 'present', scopes: held, ...tokens };
    return kind === 'client' ? { state: 'gone' } : { state: 'unknown', ...tokens };
  };

  const remember = (key: string, entry: Entry): void => {
    cache.delete(key);
    if (cache.size >= maxEntries) cache.delete(cache.keys().next().value!);
    cache.set(key, entry);
  };

  /** Concurrent lookups of one owner share one query. */
  const readOnce = (key: string, owner: Owner): Promise<OwnerStanding> =>
    shareLookup(key, async () => {
      const readAt = clock.monotonic();
      const standing = await read(owner, reader.query);
      if (cacheMs > 0) remember(key, { readAt, standing });
      return standing;
    });

  const standing: Owners['standing'] = async (owner) => {
    const key = `${owner.kind}:${owner.id}`;
    const entry = cache.get(key);
    const ageMs = entry ? clock.monotonic() - entry.readAt : Infinity;
    if (entry && ageMs <= cacheMs) return entry.standing;
    try {
      return await readOnce(key, owner);
    } catch (error) {
      if (entry && ageMs <= maxStaleFactor * cacheMs) return entry.standing;
      throw error;
    }
  };

  /** Reads the owner. @throws AppError if it is gone, or if the credential of the caller has ended or has lost the scope */
  const readForCaller = async (
    query: Query,
    owner: Owner,
    caller: StoringCaller,
    scope?: Scope,
  ): Promise<OwnerStanding> => {
    const found = await read(owner, query);
    if (found.state === 'gone') throw ownerGone(caller.kind, found);
    if (isTokenEnded(caller, found)) throw tokenRefused('token_revoked');
    await assertCredentialLives(query, caller, scope);
    return found;
  };

  return {
    standing,
    scopesFor: async (owner, own) => {
      const found = await standing(owner);
      return found.state === 'present' ? commonScopes(own, found.scopes) : undefined;
    },
    assertMayStore: async (query, owner, caller) => {
      await shareOwnerTurn(query, credentialsTurn(owner));
      await readForCaller(query, owner, caller);
    },
    assertHolds: async (query, caller, scope) => {
      const owner = ownerOf(caller);
      if (!owner) throw ownerGone(caller.kind, { state: 'gone' });
      const found = await readForCaller(query, owner, caller, scope);
      // The scopes of a user without an account here are those of its token, which do not change.
      if (found.state !== 'present' || found.scopes.includes(scope)) return;
      throw scopeInsufficient([scope], `The owner of this credential does not hold ${scope} any more`);
    },
  };
};
