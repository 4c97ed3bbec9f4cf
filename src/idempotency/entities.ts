import { defineEntity, p } from '@mikro-orm/core';

/** One use of a key. `owner` names the attempt that may finish it, `leaseUntil` how long that one is taken to be alive. */
const IdempotencyKeyEntity = defineEntity({
  name: 'IdempotencyKey',
  tableName: 'idempotency_key',
  properties: {
    subject: p.text().primary(),
    /** SHA-256: what callers write into a header is not kept. */
    keyHash: p.text().primary(),
    fingerprint: p.text(),
    owner: p.uuid(),
    /** Kind and id of the user or client whose quota it uses. Null for rows of an earlier version. */
    countedAgainst: p.text().nullable(),
    leaseUntil: p.datetime(),
    expiresAt: p.datetime(),
    finishedAt: p.datetime().nullable(),
    /** A `StoredReply` as JSON text: jsonb would answer its members in another order. */
    reply: p.text().nullable(),
  },
  indexes: [
    { properties: ['expiresAt'], name: 'idempotency_key_expires_at_index' },
    { properties: ['countedAgainst'], name: 'idempotency_key_counted_against_index' },
  ],
});

export const idempotencyEntities = [IdempotencyKeyEntity];
