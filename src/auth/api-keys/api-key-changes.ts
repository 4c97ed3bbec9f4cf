import { randomInt } from 'node:crypto';
import { LockMode } from '@mikro-orm/core';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { assertBelowOwnerQuota } from '#src/kernel/lists/owner-quota.ts';
import { commonScopes, type Owners } from '#src/kernel/ports/owners.ts';
import type { UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { TaggedSecrets } from '#src/kernel/credentials/tagged-secrets.ts';
import { ApiKeyEntity } from '../entities.ts';
import { scopeInsufficient } from '../tokens/token-refusal.ts';
import { digestOf } from './api-key-reads.ts';
import type { ApiKeys } from './api-key.ts';
import { ownerOf } from './key-owner.ts';

export type ApiKeyChangesDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly owners: Owners;
  readonly taggedSecrets: TaggedSecrets;
  readonly secret: string | Uint8Array;
  /** Max number of active keys. */
  readonly maxPerOwner: number;
};

const dayMs = 86_400_000;

/** A readable prefix, which identifies a key in lists and in leaked text. */
const newPrefix = (): string =>
  `vwk_${Array.from({ length: 8 }, () => 'abcdefghijklmnopqrstuvwxyz0123456789'[randomInt(36)]).join('')}`;

/** Changes, each of which is one unit of work. */
export const createApiKeyChanges = (deps: ApiKeyChangesDeps): Pick<ApiKeys, 'create' | 'revoke'> => {
  const { unitOfWork, audit, clock, owners, taggedSecrets, secret, maxPerOwner } = deps;

  return {
    create: async (principal, { name, scopes, expiresInDays }) => {
      const owner = ownerOf(principal);
      const missing = scopes.find((scope) => !principal.scopes.includes(scope));
      if (missing !== undefined) throw scopeInsufficient([missing], `The caller lacks the scope ${missing}`);
      const granted = await owners.scopesFor(owner, commonScopes(scopes, principal.scopes));
      if (!granted) {
        const detail = 'The caller has no account here, so a key that outlives the token cannot belong to it';
        throw scopeInsufficient(scopes, detail);
      }
      const id = uuidv7();
      const prefix = newPrefix();
      const key = taggedSecrets.create(`${prefix}_`);
      const created = clock.now();
      const expires = expiresInDays === undefined ? null : new Date(created.getTime() + expiresInDays * dayMs);
      return unitOfWork.run({ operation: 'auth.api_key' }, async (transaction) => {
        await assertBelowOwnerQuota(transaction, {
          lockName: `api keys of ${owner.kind}:${owner.id}`,
          statement: `select 1 from api_key where owner_kind = $1 and owner_id = $2 and revoked_at is null
            and (expires_at is null or expires_at > $3)`,
          parameters: [owner.kind, owner.id, clock.now()],
          max: maxPerOwner,
        });
        transaction.em.create(ApiKeyEntity, {
          id,
          keyHash: digestOf(secret, key),
          prefix,
          name,
          ownerKind: owner.kind,
          ownerId: owner.id,
          scopes: [...granted],
          createdAt: created,
          expiresAt: expires,
        });
        await audit.record(transaction, {
          stream: `api_key:${id}`,
          action: 'api_key.created',
          outcome: 'success',
          target: id,
          data: {
            owner_kind: owner.kind,
            owner_id: owner.id,
            prefix,
            scopes: granted,
            created_at: created.toISOString(),
            expires_at: expires?.toISOString() ?? null,
          },
        });
        const shown = { id, name, prefix, scopes: granted, created_at: created, expires_at: expires };
        return { ...shown, last_used_at: null, key };
      });
    },

    revoke: async (principal, id) => {
      const owner = ownerOf(principal);
      await unitOfWork.run({ operation: 'auth.api_key' }, async (transaction) => {
        const revokedAt = clock.now();
        const own = { id, ownerKind: owner.kind, ownerId: owner.id, revokedAt: null };
        const apiKey = await transaction.em.findOne(ApiKeyEntity, own, { lockMode: LockMode.PESSIMISTIC_WRITE });
        if (!apiKey) throw new AppError('resource_not_found', 'There is no such API key');
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
