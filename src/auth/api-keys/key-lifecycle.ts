import { LockMode } from '@mikro-orm/core';
import { lockNames } from '#src/kernel/catalogue/lock-names.ts';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { commonScopes, type Owners } from '#src/kernel/ports/owners.ts';
import type { UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { ApiKeyEntity } from '../account-entities.ts';
import { scopeInsufficient } from '../tokens/token-refusal.ts';
import type { ApiKeys } from './api-key.ts';
import { ownerOf } from './key-owner.ts';
import { noSuchKey, type NewKeys } from './new-key.ts';

export type KeyLifecycleDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly owners: Owners;
  readonly newKeys: NewKeys;
};

/** Creation and revocation of API keys. Each is one unit of work. */
export const createKeyLifecycle = (deps: KeyLifecycleDeps): Pick<ApiKeys, 'create' | 'revoke'> => {
  const { unitOfWork, audit, clock, owners, newKeys } = deps;

  return {
    create: async (principal, { name, scopes, endOf }) => {
      const owner = ownerOf(principal);
      const missing = scopes.find((scope) => !principal.scopes.includes(scope));
      if (missing !== undefined) throw scopeInsufficient([missing], `The caller lacks the scope ${missing}`);
      const granted = await owners.scopesFor(owner, commonScopes(scopes, principal.scopes));
      if (!granted) {
        const detail = 'The caller has no account here, so a key that outlives the token cannot belong to it';
        throw scopeInsufficient(scopes, detail);
      }
      return unitOfWork.run({ operation: 'auth.api_key', alone: lockNames.apiKeys(owner) }, (transaction) =>
        newKeys.insert(transaction, { caller: principal, name, scopes: granted, endOf }),
      );
    },

    revoke: async (principal, id) => {
      const owner = ownerOf(principal);
      await unitOfWork.run({ operation: 'auth.api_key', alone: lockNames.apiKeys(owner) }, async (transaction) => {
        await owners.assertMayStore(transaction.query, owner, principal);
        const revokedAt = clock.now();
        const own = { id, ownerKind: owner.kind, ownerId: owner.id, revokedAt: null };
        const apiKey = await transaction.em.findOne(ApiKeyEntity, own, { lockMode: LockMode.PESSIMISTIC_WRITE });
        if (!apiKey) throw noSuchKey();
        apiKey.revokedAt = revokedAt;
        await audit.record(transaction, {
          stream: `api_key:${id}`,
          action: 'api_key.revoked',
          outcome: 'success',
          target: id,
          data: { revoked_at: revokedAt.toISOString() },
        });
      });
    },
  };
};
