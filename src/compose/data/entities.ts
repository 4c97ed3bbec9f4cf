import { createAccountsEntities } from '../../accounts/entities.ts';
import { auditEntities } from '../../audit/entities.ts';
import { authEntities, UserAccountEntity } from '../../auth/entities.ts';
import { calendarEntities } from '../../calendar/entities.ts';
import { idempotencyEntities } from '../../idempotency/entities.ts';
import { jobEntities } from '../../jobs/entities.ts';
import { mailEntities } from '../../mail/entities.ts';
import { marketDataEntities } from '../../market-data/entities.ts';
import { pricingJobEntities } from '../../pricing-jobs/entities.ts';
import { webhookEntities } from '../../webhooks/entities.ts';

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
  ...jobEntities,
];
