import { createAccountsEntities } from '../../accounts/index.ts';
import { auditEntities } from '../../audit/index.ts';
import { authEntities, UserAccountEntity } from '../../auth/index.ts';
import { calendarEntities } from '../../calendar/index.ts';
import { idempotencyEntities } from '../../idempotency/index.ts';
import { mailEntities } from '../../mail/index.ts';
import { marketDataEntities } from '../../market-data/index.ts';
import { pricingJobEntities } from '../../pricing-jobs/index.ts';
import { webhookEntities } from '../../webhooks/index.ts';

/** The tables of all rooms, for the schema comparison and the labels of statements. */
export const entities = [
  ...marketDataEntities,
  ...auditEntities,
  ...authEntities,
  ...idempotencyEntities,
  ...createAccountsEntities(UserAccountEntity),
  ...pricingJobEntities,
  ...webhookEntities,
  ...calendarEntities,
  ...mailEntities,
];
