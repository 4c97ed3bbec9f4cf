import { randomInt } from 'node:crypto';
import { lockNames } from '#src/kernel/catalogue/lock-names.ts';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { assertBelowOwnerQuota } from '#src/kernel/lists/owner-quota.ts';
import type { Owners } from '#src/kernel/ports/owners.ts';
import type { TaggedSecrets } from '#src/kernel/credentials/tagged-secrets.ts';
import type { Principal, Scope } from '#src/kernel/requests/principal.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { ApiKeyEntity } from '../account-entities.ts';
import { digestOf } from './api-key-reads.ts';
import type { ShownKey } from './api-key.ts';
import { ownerOf } from './key-owner.ts';
import { isLiveSql } from './live-keys.ts';

export type NewKeysDeps = {
  readonly audit: AuditTrail;
  readonly owners: Owners;
  readonly clock: Clock;
  readonly taggedSecrets: Pick<TaggedSecrets, 'create'>;
  /** Key of the digests, so that a copy of the table alone cannot verify a guessed API key. */
  readonly secret: string | Uint8Array;
  /** Max number of active keys. */
  readonly maxPerOwner: number;
};

export type NewKeys = {
  /**
   * Stores a new key of the caller. @param replaces id of a key that does not count in the quota, because the new one replaces it
   * @throws AppError `validation_failed` when the owner has the max number of keys; the errors of `assertMayStore`
   */
  readonly insert: (
    transaction: Transaction,
    wanted: {
      readonly caller: Principal;
      readonly name: string;
      readonly scopes: readonly Scope[];
      /** The end of a key that was created at this time; null for no end. */
      readonly endOf: (createdAt: Date) => Date | null;
      readonly replaces?: string;
    },
  ) => Promise<ShownKey>;
};

/** A readable prefix, which identifies a key in lists and in leaked text. */
const newPrefix = (): string =>
  `vwk_${Array.from({ length: 8 }, () => 'abcdefghijklmnopqrstuvwxyz0123456789'[randomInt(36)]).join('')}`;

export const noSuchKey = (): AppError => new AppError('resource_not_found', 'There is no such API key');

export const createNewKeys = ({ audit, owners, clock, taggedSecrets, secret, maxPerOwner }: NewKeysDeps): NewKeys => {
  return {
    insert: async (transaction, { caller, name, scopes, endOf, replaces }) => {
      const owner = ownerOf(caller);
      await owners.assertMayStore(transaction.query, owner, caller);
      const created = clock.now();
      const expiresAt = endOf(created);
      const id = uuidv7();
      const prefix = newPrefix();
      const key = taggedSecrets.create(`${prefix}_`);
      await assertBelowOwnerQuota(transaction, {
        lockName: lockNames.apiKeys(owner),
        statement: `select 1 from api_key where ${isLiveSql} and ($4::uuid is null or id <> $4)`,
        parameters: [owner.kind, owner.id, created, replaces ?? null],
        max: maxPerOwner,
      });
      transaction.em.create(ApiKeyEntity, {
        id,
        keyHash: digestOf(secret, key),
        prefix,
        name,
        ownerKind: owner.kind,
        ownerId: owner.id,
        scopes: [...scopes],
        createdAt: created,
        expiresAt,
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
          scopes,
          created_at: created.toISOString(),
          expires_at: expiresAt?.toISOString() ?? null,
          ...(replaces !== undefined && { replaces }),
        },
      });
      return { id, name, prefix, scopes, created_at: created, expires_at: expiresAt, last_used_at: null, key };
    },
  };
};
