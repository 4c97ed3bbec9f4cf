export { createAuditRoutes } from './audit-routes.ts';
export { createAuditTrail } from './audit-trail.ts';
export { createCreationQuota } from './creation-quota.ts';
export { createEndingLimit } from './ending-limit.ts';
export { createOperatorActions } from './operator-actions.ts';
export { createAuditQueries } from './queries.ts';
export { removeOldCounts } from './owner-counts.ts';
export { createRefusalLimit } from './refusals/refusal-limit.ts';
