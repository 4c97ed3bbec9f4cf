export type { Policies } from './policies.ts';
export { createRateLimits, type RateLimits } from './rate-limits.ts';
