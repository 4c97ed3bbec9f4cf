import { accountsEntities } from '../accounts/entities.ts';
import { auditEntities } from '../audit/entities.ts';
import { authEntities } from '../auth/entities.ts';
import { idempotencyEntities } from '../idempotency/entities.ts';
import { marketDataEntities } from '../market-data/entities.ts';
import { pricingJobEntities } from '../pricing-jobs/entities.ts';
import { webhookEntities } from '../webhooks/entities.ts';

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
