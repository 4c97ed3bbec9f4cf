export { createIdempotency } from './idempotency.ts';
export { createIdempotencyQuota } from './quota.ts';
export { removeExpiredKeys, removeKeysOf } from './retention.ts';
