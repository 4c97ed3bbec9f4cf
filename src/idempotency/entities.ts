import { defineEntity, p } from '@mikro-orm/core';

/** One use of a key. `owner` is the attempt that may finish it. After `leaseUntil` this attempt counts as dead. */
export const IdempotencyKeyEntity = defineEntity({
  name: 'IdempotencyKey',
  tableName: 'idempotency_key',
  properties: {
    subject: p.text().primary(),
    /** SHA-256 of the key, because text of a caller must not be stored. */
    keyHash: p.text().primary(),
    fingerprint: p.text(),
    owner: p.uuid(),
    /** Kind and id of the user or client whose quota the key counts against. Null for rows of an earlier version. */
    countedAgainst: p.text().nullable(),
    leaseUntil: p.datetime(),
    expiresAt: p.datetime(),
    finishedAt: p.datetime().nullable(),
    /** A `StoredReply` as JSON text, because jsonb would change the order of its members. */
    reply: p.text().nullable(),
  },
  indexes: [
    { properties: ['expiresAt'], name: 'idempotency_key_expires_at_index' },
    { properties: ['countedAgainst'], name: 'idempotency_key_counted_against_index' },
  ],
});

export const idempotencyEntities = [IdempotencyKeyEntity];
