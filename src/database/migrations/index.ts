import { marketData } from './from-0001/0001-market-data.ts';
import { auditTrail } from './from-0001/0002-audit-trail.ts';
import { auth } from './from-0001/0003-auth.ts';
import { idempotencyKeys } from './from-0001/0005-idempotency-keys.ts';
import { queuedRefreshes } from './from-0001/0006-queued-refreshes.ts';
import { priceQuarantine } from './from-0001/0007-price-quarantine.ts';
import { accounts } from './from-0001/0008-accounts.ts';
import { pricingJobs } from './from-0001/0009-pricing-jobs.ts';
import { webhooks } from './from-0001/0010-webhooks.ts';
import { credentialOwners } from './from-0001/0012-credential-owners.ts';
import { storageQuotas } from './from-0001/0015-storage-quotas.ts';
import { storedChunkBytes } from './from-0001/0016-stored-chunk-bytes.ts';
import { seriesOrigin } from './from-0001/0018-series-origin.ts';
import { indexCalculation } from './from-0001/0019-index-calculation.ts';
import { usersOfDocuments } from './from-0021/0021-users-of-documents.ts';
import { universes } from './from-0021/0024-universes.ts';
import { uploads } from './from-0021/0025-uploads.ts';
import { indexHistory } from './from-0021/0026-index-history.ts';
import { calendar } from './from-0021/0030-calendar.ts';
import { accountMail } from './from-0021/0031-account-mail.ts';
import { accountRemoval } from './from-0021/0032-account-removal.ts';
import { userAdministration } from './from-0021/0033-user-administration.ts';
import { signInOrigins } from './from-0021/0034-sign-in-origins.ts';
import { secondFactor } from './from-0021/0035-second-factor.ts';
import { pricingPresets } from './from-0021/0036-pricing-presets.ts';
import { pricingJobDefaults } from './from-0021/0037-pricing-job-defaults.ts';
import { mailCausers } from './from-0038/0038-mail-causers.ts';
import { seriesHistory } from './from-0038/0039-series-history.ts';
import { fetchedSeries } from './from-0038/0040-fetched-series.ts';
import { registrationPasswords } from './from-0038/0043-registration-passwords.ts';
import { universeQuality } from './from-0038/0044-universe-quality.ts';
import { universeSchedules } from './from-0038/0045-universe-schedules.ts';
import { messagePasswords } from './from-0038/0046-message-passwords.ts';
import { countedRegistrations } from './from-0038/0047-counted-registrations.ts';
import { jobTurns } from './from-0038/0048-job-turns.ts';
import { repeatedRegistrations } from './from-0038/0049-repeated-registrations.ts';
import { consentTokens } from './from-0038/0050-consent-tokens.ts';
import { pricingWrites } from './from-0038/0051-pricing-writes.ts';
import { providerSymbols } from './from-0038/0052-provider-symbols.ts';
import { claimedAccounts } from './from-0053/0060-claimed-accounts.ts';
import { keptLegacyTokens } from './from-0053/0061-kept-legacy-tokens.ts';
import { consentsOfLegacyTokens } from './from-0053/0062-consents-of-legacy-tokens.ts';
import { networksOfChunks } from './from-0053/0063-networks-of-chunks.ts';
import { waitingDeliveries } from './from-0053/0066-waiting-deliveries.ts';
import { reusedIds } from './from-0067/0068-reused-ids.ts';
import { deliveriesLockNoWebhook } from './from-0067/0067-deliveries-lock-no-webhook.ts';
import { recordedRefusals } from './from-0067/0071-recorded-refusals.ts';
import { indexesOfAssetKeys } from './from-0067/0069-indexes-of-asset-keys.ts';
import { auditCounts } from './from-0067/0072-audit-counts.ts';
import { indexesOfWaitingWork } from './from-0067/0073-indexes-of-waiting-work.ts';
import { indexesOfRefreshes } from './from-0067/0074-indexes-of-refreshes.ts';
import { overlapsOfWebhooks } from './from-0067/0079-overlaps-of-webhooks.ts';
import { plannedEndsOfApiKeys } from './from-0067/0078-planned-ends-of-api-keys.ts';
import { indexOfSplitsAndShares } from './from-0067/0077-index-of-splits-and-shares.ts';
import { resumedChunks } from './from-0067/0076-resumed-chunks.ts';
import { liveApiKeys } from './from-0067/0075-live-api-keys.ts';
import { timesOfRefreshTokens } from './from-0053/0064-times-of-refresh-tokens.ts';
import { endedApiKeys } from './from-0053/0065-ended-api-keys.ts';
import { timesOfAddresses } from './from-0053/0056-times-of-addresses.ts';
import { networksOfTurns } from './from-0053/0057-networks-of-turns.ts';
import { registrationBuckets } from './from-0053/0055-registration-buckets.ts';
import { calendarBytes } from './from-0053/0054-calendar-bytes.ts';
import { endedLegacyTokens } from './from-0053/0053-ended-legacy-tokens.ts';
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
  providerSymbols,
  endedLegacyTokens,
  calendarBytes,
  registrationBuckets,
  timesOfAddresses,
  networksOfTurns,
  claimedAccounts,
  keptLegacyTokens,
  consentsOfLegacyTokens,
  networksOfChunks,
  timesOfRefreshTokens,
  endedApiKeys,
  waitingDeliveries,
  deliveriesLockNoWebhook,
  reusedIds,
  indexesOfAssetKeys,
  recordedRefusals,
  auditCounts,
  indexesOfWaitingWork,
  indexesOfRefreshes,
  liveApiKeys,
  resumedChunks,
  indexOfSplitsAndShares,
  plannedEndsOfApiKeys,
  overlapsOfWebhooks,
];
