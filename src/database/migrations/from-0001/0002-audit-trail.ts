import type { Migration } from '../migration.ts';

/** Statement triggers, because a statement that changes no row must be refused too. */
const refuse = (table: string, events: string): string =>
  `create trigger ${table}_refuse before ${events} on ${table} for each statement execute function audit_refuse()`;

export const auditTrail: Migration = {
  name: '0002-audit-trail',
  up: [
    `create table audit_stream (
      stream text primary key,
      sequence bigint not null,
      previous_hash bytea not null,
      hash bytea not null
    )`,
    `create table audit_event (
      id uuid primary key,
      stream text not null,
      sequence bigint not null,
      action text not null,
      outcome text not null,
      actor_kind text not null,
      actor_subject text null,
      target text not null,
      reason text null,
      request_id text null,
      trace_id text null,
      occurred_at timestamptz not null,
      data jsonb not null,
      previous_hash bytea not null,
      hash bytea not null,
      constraint audit_event_stream_sequence_unique unique (stream, sequence)
    )`,
    'create index audit_event_stream_index on audit_event (stream, id)',
    'create index audit_event_action_index on audit_event (action, id)',
    'create index audit_event_actor_index on audit_event (actor_subject, id)',
    'create index audit_event_target_index on audit_event (target, id)',
    `create function audit_refuse() returns trigger language plpgsql as $$
      begin
        raise exception '% of % is refused: the audit trail is append-only', tg_op, tg_table_name
          using errcode = 'restrict_violation';
      end
    $$`,
    refuse('audit_event', 'update or delete or truncate'),
    refuse('audit_stream', 'delete or truncate'),
    `create function audit_advance() returns trigger language plpgsql as $$
      begin
        if new.stream <> old.stream or new.sequence <> old.sequence + 1 or new.previous_hash <> old.hash then
          raise exception 'A head moves one event onwards: the audit trail is append-only'
            using errcode = 'restrict_violation';
        end if;
        return new;
      end
    $$`,
    `create trigger audit_stream_advance before update on audit_stream
      for each row execute function audit_advance()`,
  ],
  down: [
    'drop table audit_event',
    'drop table audit_stream',
    'drop function audit_refuse()',
    'drop function audit_advance()',
  ],
};
