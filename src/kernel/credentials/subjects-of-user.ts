/**
 * SQL: the subjects of the user with the id `$1`, which are the user and each API key of the user, also ended ones. A sub-select, because a user can have
 * hundreds of thousands of ended keys, and their ids need not come to the service and go back.
 */
export const subjectsOfUserSql = `(select 'user:' || $1::text
  union all select 'api_key:' || id from api_key where owner_kind = 'user' and owner_id = $1::text)`;
