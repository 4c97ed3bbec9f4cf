import type { Clock } from '#src/kernel/ports/clock.ts';
import { commonScopes, type Owner, type Owners, type OwnerStanding } from '#src/kernel/ports/owners.ts';
import { scopes as allScopes, type Scope } from '#src/kernel/requests/principal.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { OwnerEndReason } from '../entities.ts';

export type OwnersDeps = {
  readonly reader: Reader;
  readonly clock: Clock;
  /** The client of the environment: it is there as long as the configuration names it, and holds every scope. */
  readonly bootstrap: { readonly id: string } | undefined;
  /** How long an answer is used again. 0: each look-up reads the database. */
  readonly cacheMs: number;
};

type Row = { readonly scopes: Scope[] | null; readonly reason: OwnerEndReason | null; readonly ended_at: Date | null };
type Entry = { readonly readAt: number; readonly standing: OwnerStanding };

/** Bounds the memory that callers with many ids can take. */
const maxEntries = 10_000;
/** An answer this many times older than `cacheMs` is still used while the database cannot be read. */
const maxStaleFactor = 3;

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const endedSql = `(select reason from owner_end where owner_kind = $1 and owner_id = $2::text) as reason,
  (select ended_at from owner_end where owner_kind = $1 and owner_id = $2::text) as ended_at`;
const userSql = `select (select scopes from user_account where id = $2::text::uuid) as scopes, ${endedSql}`;
// Accounts have UUIDs: any other id never had one here, and must not reach a column of that type.
const foreignSql = `select null as scopes, ${endedSql}`;
const clientSql = `select (select scopes from oauth_client where id = $2::text and revoked_at is null) as scopes,
  ${endedSql}`;

const sqlFor = ({ kind, id }: Owner): string => {
  if (kind === 'client') return clientSql;
  return uuid.test(id) ? userSql : foreignSql;
};

/** The one place that says who is there and what he holds. */
export const createOwners = ({ reader, clock, bootstrap, cacheMs }: OwnersDeps): Owners => {
  const known = new Map<string, Entry>();
  const reading = new Map<string, Promise<OwnerStanding>>();

  const read = async (owner: Owner): Promise<OwnerStanding> => {
    const { kind, id } = owner;
    // Operators and the trigger write ids in lower case, as PostgreSQL shows UUIDs.
    const key = kind === 'user' && uuid.test(id) ? id.toLowerCase() : id;
    const [row] = await reader.query<Row>(sqlFor(owner), [kind, key]);
    const { scopes = null, reason = null, ended_at: endedAt = null } = row ?? {};
    const held = kind === 'client' && id === bootstrap?.id ? allScopes : scopes;
    const tokens = endedAt === null ? {} : { tokensEndedAt: Math.floor(endedAt.getTime() / 1000) };
    if (reason === 'disabled' || reason === 'deleted') return { state: 'gone' };
    if (held !== null) return { state: 'present', scopes: held, ...tokens };
    return kind === 'client' ? { state: 'gone' } : { state: 'unknown', ...tokens };
  };

  const remember = (key: string, entry: Entry): void => {
    known.delete(key);
    if (known.size >= maxEntries) known.delete(known.keys().next().value!);
    known.set(key, entry);
  };

  /** One look-up at a time for each owner. */
  const readOnce = (key: string, owner: Owner): Promise<OwnerStanding> => {
    const before = reading.get(key);
    if (before) return before;
    const readAt = clock.monotonic();
    const look = read(owner)
      .then((standing) => {
        if (cacheMs > 0) remember(key, { readAt, standing });
        return standing;
      })
      .finally(() => reading.delete(key));
    reading.set(key, look);
    return look;
  };

  const standing: Owners['standing'] = async (owner) => {
    const key = `${owner.kind}:${owner.id}`;
    const entry = known.get(key);
    const age = entry ? clock.monotonic() - entry.readAt : Infinity;
    if (entry && age <= cacheMs) return entry.standing;
    try {
      return await readOnce(key, owner);
    } catch (error) {
      if (entry && age <= maxStaleFactor * cacheMs) return entry.standing;
      throw error;
    }
  };

  return {
    standing,
    scopesFor: async (owner, own) => {
      const found = await standing(owner);
      return found.state === 'present' ? commonScopes(own, found.scopes) : undefined;
    },
  };
};
