/**
 * SQL conditions of the keys of an owner that can be used at a time. The last one is that of an index, so that keys that have ended are not read: an owner makes
 * thousands of them.
 */
export const isLiveSql = `owner_kind = $1 and owner_id = $2 and revoked_at is null and coalesce(least(revoked_at, expires_at), 'infinity') > $3`;
