const subjectOfKey = '^api_key:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$';

/**
 * SQL condition: the subject in a column is an API key that is revoked, expired or deleted, so that it is never valid again. A condition, because the
 * jobs and requests of all owners have many keys, and their ids need not come to the service and go back.
 * @param column with the name of its table, because it is used in a sub-select too
 */
export const isEndedKeySql = (column: `${string}.${string}`): string =>
  `${column} ~ '${subjectOfKey}' and not exists (
     select 1 from api_key where api_key.id = substring(${column} from '${subjectOfKey}')::uuid
       and revoked_at is null and (expires_at is null or expires_at > now()))`;
