import { accountsEntities } from '../../accounts/index.ts';
import { auditEntities } from '../../audit/index.ts';
import { authEntities } from '../../auth/index.ts';
import { idempotencyEntities } from '../../idempotency/index.ts';
import { marketDataEntities } from '../../market-data/index.ts';
import { pricingJobEntities } from '../../pricing-jobs/index.ts';
import { webhookEntities } from '../../webhooks/index.ts';

/** Every table of every room, for the schema comparison and the statement labels. */
export const entities = [
  ...marketDataEntities,
  ...auditEntities,
  ...authEntities,
  ...idempotencyEntities,
  ...accountsEntities,
  ...pricingJobEntities,
  ...webhookEntities,
];
