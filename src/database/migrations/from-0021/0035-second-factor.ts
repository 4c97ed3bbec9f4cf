import type { Migration } from '../migration.ts';

/** TOTP as the second factor of a sign-in: the encrypted secret, recovery codes, and sign-ins that wait for their code. */
export const secondFactor: Migration = {
  name: '0035-second-factor',
  up: [
    `create table user_second_factor (
      user_id uuid primary key constraint user_second_factor_user_id_foreign references user_account (id) on delete cascade,
      secret text not null,
      created_at timestamptz not null,
      confirmed_at timestamptz null,
      last_step int not null default 0,
      failures int not null default 0
    )`,
    `create table recovery_code (
      user_id uuid not null constraint recovery_code_user_id_foreign references user_account (id) on delete cascade,
      code_hash bytea not null,
      primary key (user_id, code_hash)
    )`,
    `create table sign_in_challenge (
      token_hash bytea primary key,
      user_id uuid not null constraint sign_in_challenge_user_id_foreign references user_account (id) on delete cascade,
      wants_session boolean not null,
      agent text null,
      place_hash bytea not null,
      expires_at timestamptz not null
    )`,
    'create index sign_in_challenge_user_index on sign_in_challenge (user_id)',
    'create index sign_in_challenge_expires_index on sign_in_challenge (expires_at)',
  ],
  down: ['drop table sign_in_challenge', 'drop table recovery_code', 'drop table user_second_factor'],
};
