import { LockMode } from '@mikro-orm/core';
import { lockNames } from '#src/kernel/catalogue/lock-names.ts';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { takeOwnerTurn } from '#src/kernel/lists/owner-turn.ts';
import { commonScopes, credentialsTurn, type Owners } from '#src/kernel/ports/owners.ts';
import type { Principal, Scope } from '#src/kernel/requests/principal.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { ApiKeyEntity } from '../account-entities.ts';
import { scopeInsufficient } from '../tokens/token-refusal.ts';
import type { ApiKey, ShownKey } from './api-key.ts';
import { ownerOf } from './key-owner.ts';
import { noSuchKey, type NewKeys } from './new-key.ts';

export type KeyChangesDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly owners: Owners;
  readonly newKeys: NewKeys;
  /** Hours in which a rotated key stays valid, where the caller names none. */
  readonly keyRotationHours: number;
};

/** Each method throws AppError `resource_not_found`, also for a key of another owner and for an ended one. */
export type KeyChanges = {
  /** Renames a key, and takes scopes from it. @throws AppError `scope_insufficient` for a scope that the key does not have */
  readonly change: (
    caller: Principal,
    id: string,
    changes: { readonly name?: string | undefined; readonly scopes?: readonly Scope[] | undefined },
  ) => Promise<ApiKey>;
  /**
   * Creates a key with the name, the scopes and the lifetime of another one, which ends after `overlapHours`. So programs can
   * change to the new key one after the other. A repetition within the overlap creates a further key with the same lifetime.
   * @throws AppError `scope_insufficient` if the caller lacks a scope of the key
   */
  readonly rotate: (caller: Principal, id: string, overlapHours: number | undefined) => Promise<ShownKey>;
};

const hourMs = 3_600_000;
const operation = 'auth.api_key';

/** Changes of API keys that exist. */
export const createKeyChanges = (deps: KeyChangesDeps): KeyChanges => {
  const { unitOfWork, audit, clock, owners, newKeys, keyRotationHours } = deps;
  /** Locks an active key of the caller. */
  const lock = async ({ em }: Transaction, caller: Principal, id: string) => {
    const owner = ownerOf(caller);
    const own = { id, ownerKind: owner.kind, ownerId: owner.id, revokedAt: null };
    const key = await em.findOne(ApiKeyEntity, own, { lockMode: LockMode.PESSIMISTIC_WRITE });
    if (!key || (key.expiresAt && key.expiresAt <= clock.now())) throw noSuchKey();
    return key;
  };

  return {
    change: (caller, id, { name, scopes }) =>
      unitOfWork.run({ operation, alone: lockNames.apiKeys(ownerOf(caller)) }, async (transaction) => {
        await owners.assertMayStore(transaction.query, ownerOf(caller), caller);
        const key = await lock(transaction, caller, id);
        const added = scopes?.find((scope) => !key.scopes.includes(scope));
        if (added !== undefined) {
          throw scopeInsufficient(
            [added],
            `The key does not have the scope ${added}: create another key for more scopes`,
          );
        }
        const kept = scopes === undefined ? key.scopes : commonScopes(scopes, key.scopes);
        const isNarrowed = kept.length < key.scopes.length;
        const isChanged = isNarrowed || (name !== undefined && name !== key.name);
        if (name !== undefined) key.name = name;
        if (isNarrowed) key.scopes = kept;
        // The name is text of the owner, so the event does not have it. A change of nothing has no event, because events stay.
        if (isChanged) {
          await audit.record(transaction, {
            stream: `api_key:${id}`,
            action: 'api_key.changed',
            outcome: 'success',
            target: id,
            data: { scopes: key.scopes, scopes_removed: isNarrowed },
          });
        }
        return {
          id,
          name: key.name,
          prefix: key.prefix,
          scopes: key.scopes,
          created_at: key.createdAt,
          expires_at: key.expiresAt ?? null,
          last_used_at: key.lastUsedAt ?? null,
        };
      }),

    rotate: async (caller, id, overlapHours = keyRotationHours) => {
      const owner = ownerOf(caller);
      const held = await owners.scopesFor(owner, caller.scopes);
      return unitOfWork.run({ operation, alone: lockNames.apiKeys(owner) }, async (transaction) => {
        // Before the row of the key, because the transactions that end credentials take the turn and then lock the keys.
        await takeOwnerTurn(transaction.query, credentialsTurn(owner));
        const key = await lock(transaction, caller, id);
        const missing = key.scopes.find((scope) => !held?.includes(scope));
        if (missing !== undefined)
          throw scopeInsufficient([missing], `The caller lacks the scope ${missing} of the key`);
        const now = clock.now();
        // A rotation can be repeated, for example because its answer was lost, and the first one has replaced the end of the key.
        if (!key.rotatedAt) Object.assign(key, { rotatedAt: now, plannedEnd: key.expiresAt });
        const lifetimeMs = key.plannedEnd ? key.plannedEnd.getTime() - key.createdAt.getTime() : undefined;
        const created = await newKeys.insert(transaction, {
          caller,
          name: key.name,
          scopes: key.scopes,
          endOf: (createdAt) => (lifetimeMs === undefined ? null : new Date(createdAt.getTime() + lifetimeMs)),
          replaces: id,
        });
        const end = new Date(now.getTime() + overlapHours * hourMs);
        if (!key.expiresAt || key.expiresAt > end) key.expiresAt = end;
        await audit.record(transaction, {
          stream: `api_key:${id}`,
          action: 'api_key.rotated',
          outcome: 'success',
          target: id,
          data: { expires_at: key.expiresAt.toISOString(), replaced_by: created.id },
        });
        return created;
      });
    },
  };
};
