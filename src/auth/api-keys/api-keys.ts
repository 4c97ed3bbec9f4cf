import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { TaggedSecrets } from '#src/kernel/credentials/tagged-secrets.ts';
import type { CredentialLookups } from '#src/kernel/credentials/credential-lookups.ts';
import type { Owner } from '#src/kernel/ports/owners.ts';
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

const ownerOfKey = (key: FoundKey): Owner => ({ kind: key.owner_kind, id: key.owner_id });

const keyPattern = /^vwk_[a-z0-9]{8}_[\w-]{43}$/;

export const createApiKeys = (deps: ApiKeysDeps): ApiKeys => {
  const { unitOfWork, audit, clock, usage, lookups, taggedSecrets } = deps;
  const reads = createApiKeyReads(deps);

  /**
   * Records the use of an ended key, because a client still has it. Unknown keys are not recorded. The stream is that of the owner, because an owner makes
   * thousands of keys, and each stream has events of its own.
   */
  const recordUse = (id: string, owner: Owner, reason: 'api_key_invalid' | 'credential_owner_gone'): void =>
    audit.refuse(unitOfWork, {
      stream: `${owner.kind}:${owner.id}`,
      action: 'api_key.refused',
      target: id,
      reason,
    });

  const findActive = async (key: string, now: Date): Promise<FoundKey | undefined> => {
    const found = await reads.find(key, now);
    if (!found?.ended) return found;
    recordUse(found.id, ownerOfKey(found), 'api_key_invalid');
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
      return { kind: 'api_key', subject: found.id, scopes: found.scopes, owner: ownerOfKey(found) };
    },

    noteWithoutOwner: (id, owner) => recordUse(id, owner, 'credential_owner_gone'),
  };
};
