import { removeDocumentsOf } from '../accounts/removal.ts';
import { createCredentialAdmin, type CredentialAdmin } from '../auth/owners/credential-admin.ts';
import { removeKeysOf } from '../idempotency/retention.ts';
import type { AuditTrail } from '../kernel/audit.ts';
import type { Clock } from '../kernel/clock.ts';
import type { UnitOfWork } from '../kernel/unit-of-work.ts';
import { removePricingJobsOf } from '../pricing-jobs/retention.ts';
import { removeWebhooksOf } from '../webhooks/retention.ts';

export type CredentialAdminParts = {
  readonly unitOfWork: UnitOfWork;
  readonly audit: AuditTrail;
  readonly clock: Clock;
};

/** For operators: ends credentials, and removes what every part stores of a user. */
export const composeCredentialAdmin = (parts: CredentialAdminParts): CredentialAdmin =>
  createCredentialAdmin({
    ...parts,
    removeWebhooks: (transaction, owner) => removeWebhooksOf(transaction, owner, parts.audit),
    removeData: async (transaction, userId, subjects) => {
      await removeDocumentsOf(transaction, userId);
      await removePricingJobsOf(transaction, subjects);
      await removeKeysOf(transaction, subjects);
    },
  });
