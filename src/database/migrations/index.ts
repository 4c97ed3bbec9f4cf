import { marketData } from './0001-market-data.ts';
import { auditTrail } from './0002-audit-trail.ts';
import { auth } from './0003-auth.ts';
import { idempotencyKeys } from './0005-idempotency-keys.ts';
import { queuedRefreshes } from './0006-queued-refreshes.ts';
import { priceQuarantine } from './0007-price-quarantine.ts';
import { accounts } from './0008-accounts.ts';
import { pricingJobs } from './0009-pricing-jobs.ts';
import { webhooks } from './0010-webhooks.ts';
import { credentialOwners } from './0012-credential-owners.ts';
import { storageQuotas } from './0015-storage-quotas.ts';
import { storedChunkBytes } from './0016-stored-chunk-bytes.ts';
import { seriesOrigin } from './0018-series-origin.ts';
import { indexCalculation } from './0019-index-calculation.ts';
import { usersOfDocuments } from './0021-users-of-documents.ts';
import { universes } from './0024-universes.ts';
import { uploads } from './0025-uploads.ts';
import { indexHistory } from './0026-index-history.ts';
import { calendar } from './0030-calendar.ts';
import { accountMail } from './0031-account-mail.ts';
import { accountRemoval } from './0032-account-removal.ts';
import { userAdministration } from './0033-user-administration.ts';
import { signInOrigins } from './0034-sign-in-origins.ts';
import { secondFactor } from './0035-second-factor.ts';
import { pricingPresets } from './0036-pricing-presets.ts';
import { pricingJobDefaults } from './0037-pricing-job-defaults.ts';
import { mailCausers } from './0038-mail-causers.ts';
import { seriesHistory } from './0039-series-history.ts';
import { fetchedSeries } from './0040-fetched-series.ts';
import { registrationPasswords } from './0043-registration-passwords.ts';
import { universeQuality } from './0044-universe-quality.ts';
import { universeSchedules } from './0045-universe-schedules.ts';
import { messagePasswords } from './0046-message-passwords.ts';
import { countedRegistrations } from './0047-counted-registrations.ts';
import { jobTurns } from './0048-job-turns.ts';
import { repeatedRegistrations } from './0049-repeated-registrations.ts';
import { consentTokens } from './0050-consent-tokens.ts';
import { pricingWrites } from './0051-pricing-writes.ts';
import type { Migration } from './migration.ts';

/** All migrations, oldest first. The list is static, so that exactly the type-checked migrations run. */
export const migrations: readonly Migration[] = [
  marketData,
  auditTrail,
  auth,
  idempotencyKeys,
  queuedRefreshes,
  priceQuarantine,
  accounts,
  pricingJobs,
  webhooks,
  credentialOwners,
  storageQuotas,
  storedChunkBytes,
  seriesOrigin,
  indexCalculation,
  usersOfDocuments,
  universes,
  uploads,
  indexHistory,
  calendar,
  accountMail,
  accountRemoval,
  userAdministration,
  signInOrigins,
  secondFactor,
  pricingPresets,
  pricingJobDefaults,
  mailCausers,
  seriesHistory,
  fetchedSeries,
  registrationPasswords,
  universeQuality,
  universeSchedules,
  messagePasswords,
  countedRegistrations,
  jobTurns,
  repeatedRegistrations,
  consentTokens,
  pricingWrites,
];
