import type { Migration } from '../migration.ts';

/** `audit_count` counts the events of an owner by group and day. Before, each action counted the events and read the ids of all keys of its owner. */
export const auditCounts: Migration = {
  name: '0072-audit-counts',
  up: [
    `create table audit_count (
      owner_kind text not null,
      owner_id text not null,
      action_group text not null,
      day date not null,
      events integer not null,
      counted integer not null,
      primary key (owner_kind, owner_id, action_group, day)
    )`,
    'create index audit_count_day_index on audit_count (day)',
  ],
  down: ['drop table audit_count'],
};
