import { createHmac } from 'node:crypto';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Owner } from '#src/kernel/ports/owners.ts';
import type { PageRequest } from '#src/kernel/lists/pages.ts';
import type { Principal, Scope } from '#src/kernel/requests/principal.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { ApiKey } from './api-key.ts';
import { ownerOf } from './key-owner.ts';
import { isLiveSql } from './live-keys.ts';

export type ApiKeyReadsDeps = {
  readonly reader: Reader;
  readonly clock: Clock;
  /** Key of the digests, so that a copy of the table alone cannot verify a guessed API key. */
  readonly secret: string | Uint8Array;
};

const columns = 'id, name, prefix, scopes, created_at, expires_at, last_used_at';

export type FoundKey = {
  readonly id: string;
  readonly scopes: Scope[];
  readonly owner_kind: Owner['kind'];
  readonly owner_id: string;
  readonly ended: boolean;
};

export type ApiKeyReads = {
  readonly list: (owner: Principal, page: PageRequest) => Promise<readonly ApiKey[]>;
  /** The stored key; undefined if there is none. */
  readonly find: (key: string, now: Date) => Promise<FoundKey | undefined>;
};

/** The digest under which a key is stored. */
export const digestOf = (secret: string | Uint8Array, key: string): Buffer =>
  createHmac('sha256', secret).update(key).digest();

/** Reads that change nothing, so they need no transaction. SQL, because each request with a key needs one. */
export const createApiKeyReads = ({ reader, clock, secret }: ApiKeyReadsDeps): ApiKeyReads => ({
  list: async (principal, { after, from, to, limit }) => {
    const owner = ownerOf(principal);
    return reader.query<ApiKey>(
      `select ${columns} from api_key
       where ${isLiveSql}
         and ($4::uuid is null or id > $4)
         and ($5::date is null or created_at >= $5::date::timestamp at time zone 'UTC')
         and ($6::date is null or created_at < ($6::date + 1)::timestamp at time zone 'UTC')
       order by id limit $7`,
      [owner.kind, owner.id, clock.now(), after, from, to, limit],
    );
  },

  find: async (key, now) => {
    const [found] = await reader.query<FoundKey>(
      `select id, scopes, owner_kind, owner_id, revoked_at is not null or expires_at <= $2 as ended
       from api_key where key_hash = $1`,
      [digestOf(secret, key), now],
    );
    return found;
  },
});
