import { createHmac, randomInt } from 'node:crypto';
import { LockMode } from '@mikro-orm/core';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { assertBelowOwnerQuota } from '#src/kernel/lists/owner-quota.ts';
import { commonScopes, type Owner, type Owners } from '#src/kernel/ports/owners.ts';
import type { CredentialLookups } from '#src/kernel/ports/credential-lookups.ts';
import type { PageRequest } from '#src/kernel/lists/pages.ts';
import type { Principal, Scope } from '#src/kernel/requests/principal.ts';
import type { Reader, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { TaggedSecrets } from '#src/kernel/tagged-secrets.ts';
import { ApiKeyEntity } from '../entities.ts';
import { scopeInsufficient } from '../tokens/token-refusal.ts';
import type { UsageLog } from './usage-log.ts';

export type ApiKeysDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly reader: Reader;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly usage: UsageLog;
  readonly owners: Owners;
  readonly lookups: CredentialLookups;
  readonly taggedSecrets: TaggedSecrets;
  /** Key of the digests, so that a copy of the table alone cannot verify a guessed API key. */
  readonly secret: string | Uint8Array;
  /** Max number of active keys. */
  readonly maxPerOwner: number;
};

/** A key as its owner sees it. The key itself is shown only at its creation. */
export type ApiKey = {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly scopes: readonly Scope[];
  readonly created_at: Date;
  readonly expires_at: Date | null;
  readonly last_used_at: Date | null;
};

type NewApiKey = {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly expiresInDays: number | undefined;
};

export type ApiKeys = {
  /**
   * @throws AppError `scope_insufficient` for a scope that the owner does not hold, or when the caller is an API key;
   * `validation_failed` when the owner has the max number of keys
   */
  readonly create: (owner: Principal, wanted: NewApiKey) => Promise<ApiKey & { readonly key: string }>;
  /** The active keys of the owner, oldest first. */
  readonly list: (owner: Principal, page: PageRequest) => Promise<readonly ApiKey[]>;
  /** @throws AppError `resource_not_found`, also for a key of another owner */
  readonly revoke: (owner: Principal, id: string) => Promise<void>;
  /**
   * The principal of a key, with the scopes of the key. The owner rule reduces them to the scopes of the owner.
   * @throws AppError `api_key_invalid` for a key that is unknown, revoked or expired; `rate_limit_exceeded` when many
   * credentials of the address were refused
   */
  readonly authenticate: (key: string) => Promise<Principal>;
  /** Records the use of a key whose owner does not exist any more. */
  readonly noteWithoutOwner: (id: string) => Promise<void>;
};

const form = /^vwk_[a-z0-9]{8}_[\w-]{43}$/;
const dayMs = 86_400_000;
const columns = 'id, name, prefix, scopes, created_at, expires_at, last_used_at';

/** A readable prefix, which identifies a key in lists and in leaked text. */
const newPrefix = (): string =>
  `vwk_${Array.from({ length: 8 }, () => 'abcdefghijklmnopqrstuvwxyz0123456789'[randomInt(36)]).join('')}`;

const refused = (): AppError =>
  new AppError('api_key_invalid', 'The API key is unknown, revoked or expired', {
    headers: { 'WWW-Authenticate': 'ApiKey realm="volwatch"' },
  });

type Found = {
  readonly id: string;
  readonly scopes: Scope[];
  readonly owner_kind: Owner['kind'];
  readonly owner_id: string;
  readonly ended: boolean;
};

/** A key must not manage keys, because a leaked key could create another key that survives the revocation. */
const ownerOf = ({ kind, subject, scopes }: Principal): Owner => {
  if (kind === 'api_key') throw scopeInsufficient(scopes, 'An API key cannot manage API keys');
  return { kind, id: subject };
};

export const createApiKeys = ({
  unitOfWork,
  reader,
  audit,
  clock,
  usage,
  owners,
  lookups,
  taggedSecrets,
  secret,
  maxPerOwner,
}: ApiKeysDeps): ApiKeys => {
  const digest = (key: string): Buffer => createHmac('sha256', secret).update(key).digest();

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

  const findActive = async (key: string, now: Date): Promise<Found | undefined> => {
    const [found] = await reader.query<Found>(
      `select id, scopes, owner_kind, owner_id, revoked_at is not null or expires_at <= $2 as ended
       from api_key where key_hash = $1`,
      [digest(key), now],
    );
    if (!found?.ended) return found;
    await recordUse(found.id, 'api_key_invalid');
    return undefined;
  };

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
          keyHash: digest(key),
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

    list: async (principal, { after, from, to, limit }) => {
      const owner = ownerOf(principal);
      return reader.query<ApiKey>(
        `select ${columns} from api_key
         where owner_kind = $1 and owner_id = $2 and revoked_at is null and (expires_at is null or expires_at > $3)
           and ($4::uuid is null or id > $4)
           and ($5::date is null or created_at >= $5::date::timestamp at time zone 'UTC')
           and ($6::date is null or created_at < ($6::date + 1)::timestamp at time zone 'UTC')
         order by id limit $7`,
        [owner.kind, owner.id, clock.now(), after, from, to, limit],
      );
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

    authenticate: async (key) => {
      if (!form.test(key)) throw refused();
      const now = clock.now();
      const lookup = { kind: 'api_key', secret: key, isOurs: taggedSecrets.isOurs(key) } as const;
      const found = await lookups.run(lookup, () => findActive(key, now));
      if (!found) throw refused();
      usage.note(found.id, now);
      const owner = { kind: found.owner_kind, id: found.owner_id };
      return { kind: 'api_key', subject: found.id, scopes: found.scopes, owner };
    },

    noteWithoutOwner: (id) => recordUse(id, 'credential_owner_gone'),
  };
};
