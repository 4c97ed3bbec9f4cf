import { removeDocumentsOf } from '../../accounts/index.ts';
import { removeCalendarOf } from '../../calendar/index.ts';
import { createCredentialAdmin, type CredentialAdmin } from '../../auth/index.ts';
import { removeKeysOf } from '../../idempotency/index.ts';
import type { AuditTrail } from '../../kernel/ports/audit.ts';
import type { Clock } from '../../kernel/ports/clock.ts';
import type { Reader, UnitOfWork } from '../../kernel/ports/unit-of-work.ts';
import { removeMailOf } from '../../mail/index.ts';
import { removePricingJobsOf } from '../../pricing-jobs/index.ts';
import { removeWebhooksOf } from '../../webhooks/index.ts';

export type CredentialAdminParts = {
  readonly unitOfWork: UnitOfWork;
  readonly reader: Reader;
  readonly audit: AuditTrail;
  readonly clock: Clock;
};

/** Removes the stored data of a user from all rooms. */
export const removeDataOf =
  (audit: AuditTrail): Parameters<typeof createCredentialAdmin>[0]['removeData'] =>
  async (transaction, userId) => {
    await removeMailOf(transaction, userId);
    await removeDocumentsOf(transaction, userId);
    await removeCalendarOf(transaction, { kind: 'user', id: userId }, { audit, actor: undefined });
    await removePricingJobsOf(transaction, userId);
    await removeKeysOf(transaction, userId);
  };

/** For operators and the retention: ends credentials, and removes users. */
export const composeCredentialAdmin = (parts: CredentialAdminParts): CredentialAdmin =>
  createCredentialAdmin({
    ...parts,
    removeWebhooks: (transaction, owner, actor) => removeWebhooksOf(transaction, owner, { audit: parts.audit, actor }),
    removeData: removeDataOf(parts.audit),
  });
