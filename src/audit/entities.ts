import { defineEntity, p } from '@mikro-orm/core';
import type { Owner } from '#src/kernel/ports/owners.ts';
import type { CountedGroup } from './owner-counts.ts';
import type { AuditAction, AuditActor, AuditOutcome, Json } from '#src/kernel/ports/audit.ts';

/** The head of each chain: its length and its last hash. A trigger allows only updates by one event. */
const AuditStreamEntity = defineEntity({
  name: 'AuditStream',
  tableName: 'audit_stream',
  properties: {
    stream: p.text().primary(),
    sequence: p.bigint('number'),
    previousHash: p.blob(),
    hash: p.blob(),
  },
});

/**
 * Append-only: a trigger refuses UPDATE, DELETE and TRUNCATE. Ids are UUIDv7 of `occurredAt`, so they are ordered by
 * time.
 */
const AuditEventEntity = defineEntity({
  name: 'AuditEvent',
  tableName: 'audit_event',
  properties: {
    id: p.uuid().primary(),
    stream: p.text(),
    sequence: p.bigint('number'),
    action: p.text().$type<AuditAction>(),
    outcome: p.text().$type<AuditOutcome>(),
    actorKind: p.text().$type<AuditActor['kind']>(),
    actorSubject: p.text().nullable(),
    target: p.text(),
    reason: p.text().nullable(),
    requestId: p.text().nullable(),
    traceId: p.text().nullable(),
    occurredAt: p.datetime(),
    data: p.json<{ readonly [name: string]: Json }>(),
    previousHash: p.blob(),
    hash: p.blob(),
  },
  uniques: [{ properties: ['stream', 'sequence'], name: 'audit_event_stream_sequence_unique' }],
  indexes: [
    { properties: ['stream', 'id'], name: 'audit_event_stream_index' },
    { properties: ['action', 'id'], name: 'audit_event_action_index' },
    { properties: ['actorSubject', 'id'], name: 'audit_event_actor_index' },
    { properties: ['target', 'id'], name: 'audit_event_target_index' },
  ],
});

/** What a stream recorded and left out of refusals of one cause in one hour; written down as an event when the hour is over. */
const AuditRefusalWindowEntity = defineEntity({
  name: 'AuditRefusalWindow',
  tableName: 'audit_refusal_window',
  properties: {
    stream: p.text().primary(),
    startedAt: p.datetime(),
    recorded: p.integer(),
    omitted: p.integer(),
  },
  indexes: [{ properties: ['startedAt', 'recorded'], name: 'audit_refusal_window_recorded_index' }],
});

/** Events of an owner in a group of actions and a day (UTC). `counted` leaves out those before a change of the password. */
const AuditCountEntity = defineEntity({
  name: 'AuditCount',
  tableName: 'audit_count',
  properties: {
    ownerKind: p.text().$type<Owner['kind']>().primary(),
    ownerId: p.text().primary(),
    actionGroup: p.text().$type<CountedGroup>().primary(),
    day: p.date().primary(),
    events: p.integer(),
    counted: p.integer(),
  },
  indexes: [{ properties: ['day'], name: 'audit_count_day_index' }],
});

export const auditEntities = [AuditStreamEntity, AuditEventEntity, AuditRefusalWindowEntity, AuditCountEntity];
