import type { Migration } from '../migration.ts';

export const idempotencyKeys: Migration = {
  name: '0005-idempotency-keys',
  up: [
    `create table idempotency_key (
      subject text not null,
      key_hash text not null,
      fingerprint text not null,
      owner uuid not null,
      lease_until timestamptz not null,
      expires_at timestamptz not null,
      finished_at timestamptz null,
      reply text null,
      primary key (subject, key_hash)
    )`,
    'create index idempotency_key_expires_at_index on idempotency_key (expires_at)',
  ],
  down: ['drop table idempotency_key'],
};
