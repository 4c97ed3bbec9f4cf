import type { TestDatabase } from '../database.ts';

/** Stores API keys of user 1 that are alive. Nobody can use them, because their digests are no digests of keys. */
export const storeApiKeys = (admin: TestDatabase, ...ids: readonly string[]): Promise<unknown> =>
  admin.query(
    `insert into api_key (id, key_hash, prefix, name, owner_kind, owner_id, scopes, created_at)
     select id::uuid, convert_to(id, 'UTF8'), 'vk', 'k', 'user', '1', '{}', now() from unnest($1::text[]) as id`,
    [ids],
  );

export const endApiKey = (admin: TestDatabase, id: string): Promise<unknown> =>
  admin.query('update api_key set revoked_at = now() where id = $1', [id]);
