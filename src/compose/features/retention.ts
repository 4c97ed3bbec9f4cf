import { removeOldCounts } from '../../audit/index.ts';
import { removeOldCalendarRows } from '../../calendar/index.ts';
import type { Database } from '../../database/index.ts';
import { removeExpiredKeys } from '../../idempotency/index.ts';
import { createRetention, removeOldTurns } from '../../jobs/index.ts';
import { removalStatementMs, repeatUntilNone } from '../../kernel/lists/removal.ts';
import type { AuditTrail } from '../../kernel/ports/audit.ts';
import type { JobHandler } from '../../kernel/ports/jobs.ts';
import type { Transaction } from '../../kernel/ports/unit-of-work.ts';
import { removeOldMail } from '../../mail/index.ts';
import { removeOldFetchedSeries, removeOldRefreshes } from '../../market-data/index.ts';
import {
  removeCancelledChunks,
  removeJobsOfEndedKeys,
  removeOldPricingJobs,
  removeOldWrites,
} from '../../pricing-jobs/index.ts';
import { removeDeliveriesOfDeletedWebhooks, removeOldWebhookEvents } from '../../webhooks/index.ts';
import type { Base } from '../base.ts';
import { composeCredentialAdmin } from '../identity/credential-admin.ts';

/**
 * Max accounts whose ids one run of the retention reads, for those that their owners removed and for those that nobody claimed. It is above what the
 * addresses of an attacker can register in a day, so that his accounts do not delay the removal of others.
 */
const maxRemovedAccounts = 50_000;
/** Max time in which removals of accounts begin, for each of the two kinds. */
const accountRemovalMs = 3_600_000;
export const retentionSeconds = 3 * 3_600;

type InTransaction = <T>(work: (transaction: Transaction) => Promise<T>) => Promise<T>;

const removalIn =
  ({ unitOfWork }: Pick<Database, 'unitOfWork'>): InTransaction =>
  (work) =>
    unitOfWork.run({ operation: 'retention', statementTimeoutMs: removalStatementMs }, work);

/** Removes what requests have only marked. */
export const composeRemoval =
  (database: Pick<Database, 'unitOfWork'>): JobHandler =>
  async (_data, signal) =>
    void (await removeCancelledChunks(removalIn(database), signal));

/** The removal of each kind of row. Each one removes a part, and is repeated until none is left. */
export const composeKinds = (
  { config, clock }: Pick<Base, 'config' | 'clock'>,
  { unitOfWork, reader }: Pick<Database, 'unitOfWork' | 'reader'>,
  audit: AuditTrail,
) => {
  const inTransaction = removalIn({ unitOfWork });
  const each = (removePart: (transaction: Transaction) => Promise<number>) => (): Promise<number> =>
    repeatUntilNone(() => inTransaction(removePart));
  const admin = composeCredentialAdmin({ unitOfWork, reader, audit, clock });
  return {
    idempotency_keys: each(removeExpiredKeys),
    pricing_jobs: each((transaction) => removeOldPricingJobs(transaction, config.PRICING_JOB_RETENTION_HOURS)),
    pricing_jobs_of_ended_keys: () => removeJobsOfEndedKeys(inTransaction),
    webhook_events: each((transaction) => removeOldWebhookEvents(transaction, config.WEBHOOK_RETENTION_DAYS)),
    deliveries_of_deleted_webhooks: each(removeDeliveriesOfDeletedWebhooks),
    calendar_rows: each(removeOldCalendarRows),
    mail_messages: each((transaction) => removeOldMail(transaction, config.MAIL_RETENTION_HOURS)),
    audit_counts: each(removeOldCounts),
    job_turns: each(removeOldTurns),
    pricing_writes: each(removeOldWrites),
    fetched_series: each(removeOldFetchedSeries),
    refreshes: each((transaction) => removeOldRefreshes(transaction, { days: config.REFRESH_RETENTION_DAYS, audit })),
    // Last, because they can take long.
    accounts: () => admin.eraseDue(maxRemovedAccounts, AbortSignal.timeout(accountRemovalMs)),
    users_without_sign_in: () =>
      admin.eraseUnused(config.USERS_WITHOUT_SIGN_IN_DAYS, maxRemovedAccounts, AbortSignal.timeout(accountRemovalMs)),
  };
};

export const composeRetention = (
  base: Pick<Base, 'config' | 'clock' | 'logger'>,
  database: Pick<Database, 'unitOfWork' | 'reader'>,
  audit: AuditTrail,
): (() => Promise<void>) => createRetention({ logger: base.logger, kinds: composeKinds(base, database, audit) });
