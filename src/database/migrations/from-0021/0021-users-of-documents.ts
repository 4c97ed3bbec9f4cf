import type { Migration } from '../migration.ts';

const tables = ['account_profile', 'account_settings'];

/**
 * Profile and settings refer to the user by a foreign key. Rows of users without an account are removed, because no request
 * can read them any more. `legacy_id` is the integer id of the user in the earlier system, which its tokens name.
 */
export const usersOfDocuments: Migration = {
  name: '0021-users-of-documents',
  up: [
    'alter table user_account add column legacy_id bigint null constraint user_account_legacy_id_unique unique',
    ...tables.flatMap((table) => [
      `delete from ${table} where user_id not in (select id::text from user_account)`,
      `alter table ${table} alter column user_id type uuid using user_id::uuid`,
      `alter table ${table} add constraint ${table}_user_id_foreign
         foreign key (user_id) references user_account (id) on delete cascade`,
    ]),
  ],
  down: [
    ...tables.flatMap((table) => [
      `alter table ${table} drop constraint ${table}_user_id_foreign`,
      `alter table ${table} alter column user_id type text using user_id::text`,
    ]),
    'alter table user_account drop column legacy_id',
  ],
};
