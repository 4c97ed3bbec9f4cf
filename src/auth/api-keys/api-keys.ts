import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { TaggedSecrets } from '#src/kernel/credentials/tagged-secrets.ts';
import type { CredentialLookups } from '#src/kernel/credentials/credential-lookups.ts';
import type { UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { createKeyLifecycle, type KeyLifecycleDeps } from './key-lifecycle.ts';
import { createApiKeyReads, type ApiKeyReadsDeps, type FoundKey } from './api-key-reads.ts';
import type { ApiKeys } from './api-key.ts';
import { apiKeyRefused } from './key-refusal.ts';
import type { UsageLog } from './usage-log.ts';

export type ApiKeysDeps = ApiKeyReadsDeps &
  KeyLifecycleDeps & {
    readonly unitOfWork: UnitOfWork;
    readonly audit: AuditTrail;
    readonly clock: Clock;
    readonly usage: UsageLog;
    readonly lookups: CredentialLookups;
    readonly taggedSecrets: Pick<TaggedSecrets, 'isOurs'>;
  };

const keyPattern = /^vwk_[a-z0-9]{8}_[\w-]{43}$/;

export const createApiKeys = (deps: ApiKeysDeps): ApiKeys => {
  const { unitOfWork, audit, clock, usage, lookups, taggedSecrets } = deps;
  const reads = createApiKeyReads(deps);

  /** Records the use of an ended key, because a client still has it. Unknown keys are not recorded. */
  const recordUse = (id: string, reason: 'api_key_invalid' | 'credential_owner_gone'): Promise<void> =>
    unitOfWork.run({ operation: 'auth.refusal' }, (transaction) =>
      audit.record(transaction, {
        stream: `api_key:${id}`,
        action: 'api_key.refused',
        outcome: 'refused',
        target: id,
        reason,
      }),
    );

  const findActive = async (key: string, now: Date): Promise<FoundKey | undefined> => {
    const found = await reads.find(key, now);
    if (!found?.ended) return found;
    await recordUse(found.id, 'api_key_invalid');
    return undefined;
  };

  return {
    ...createKeyLifecycle(deps),
    list: reads.list,

    authenticate: async (key) => {
      if (!keyPattern.test(key)) throw apiKeyRefused();
      const now = clock.now();
      const lookup = { kind: 'api_key', secret: key, isOurs: taggedSecrets.isOurs(key) } as const;
      const found = await lookups.run(lookup, () => findActive(key, now));
      if (!found) throw apiKeyRefused();
      usage.note(found.id, now);
      const owner = { kind: found.owner_kind, id: found.owner_id };
      return { kind: 'api_key', subject: found.id, scopes: found.scopes, owner };
    },

    noteWithoutOwner: (id) => recordUse(id, 'credential_owner_gone'),
  };
};
