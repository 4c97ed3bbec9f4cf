import { LockMode } from '@mikro-orm/core';
import type { AuditActor, AuditTrail } from '#src/kernel/ports/audit.ts';
import { takeOwnerTurn } from '#src/kernel/lists/owner-turn.ts';
import { credentialsTurn, type Owner } from '#src/kernel/ports/owners.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import type { Scope } from '#src/kernel/requests/principal.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { OauthClientEntity } from '../account-entities.ts';
import { runOperatorCommand } from '../measured.ts';
import { endTokensIssuedBefore } from '../sessions/end-sign-ins.ts';
import { newOpaqueToken } from '../secrets/opaque-token.ts';
import type { SecretHasher } from '../secrets/secret-hasher.ts';
import { createClientReads, type ClientReads, type ClientReadsDeps } from './client-reads.ts';

export type ClientAdminDeps = ClientReadsDeps & {
  readonly unitOfWork: UnitOfWork;
  readonly hasher: SecretHasher;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  /** Removes webhooks, and the connected calendar with its tokens and events. */
  readonly removeDataOf: (transaction: Transaction, owner: Owner, actor: AuditActor) => Promise<void>;
};

/** The secret is returned only here. Its hash is stored. */
type ClientSecret = { readonly id: string; readonly secret: string };

export type ClientAdmin = Pick<ClientReads, 'list'> & {
  readonly create: (client: { readonly name: string; readonly scopes: readonly Scope[] }) => Promise<ClientSecret>;
  /** Replaces the secret at once, and ends the access tokens. API keys and webhooks stay. @throws AppError `resource_not_found` */
  readonly rotate: (id: string) => Promise<ClientSecret>;
  /**
   * The client gets no new tokens. Its access tokens and API keys are refused within seconds. Its webhooks and its calendar are removed,
   * because a revoked client cannot come back and remove them.
   * @throws AppError `resource_not_found`
   */
  readonly revoke: (id: string) => Promise<void>;
};

const operator: AuditActor = { kind: 'operator', subject: null };
const operation = 'auth.client';

const unknownClient = (): AppError => new AppError('resource_not_found', 'There is no such client, or it is revoked');

/** A client that is not revoked, locked until the end of the transaction. */
const findActive = async ({ em }: Transaction, id: string) => {
  const active = { id, revokedAt: null };
  const client = await em.findOne(OauthClientEntity, active, { lockMode: LockMode.PESSIMISTIC_WRITE });
  if (!client) throw unknownClient();
  return client;
};

/**
 * The clock of the operator's machine can be behind, and a token with the former secret can be issued until the commit. Nobody has the new secret so early.
 */
const commitMs = 2_000;
const endOfTokens = async ({ query }: Transaction, now: Date): Promise<Date> => {
  const [database] = await query<{ now: Date | string }>('select clock_timestamp() as now');
  return new Date(Math.max(now.getTime(), new Date(database!.now).getTime()) + commitMs);
};

/** The commands of operators on OAuth clients. */
export const createClientAdmin = (deps: ClientAdminDeps): ClientAdmin => {
  const { unitOfWork, hasher, audit, clock, removeDataOf } = deps;
  const reads = createClientReads(deps);

  const newSecret = async (): Promise<{ readonly secret: string; readonly hash: string }> => {
    const secret = newOpaqueToken('vwc_');
    return { secret, hash: await hasher.hash(secret) };
  };

  return {
    create: ({ name, scopes }) =>
      runOperatorCommand('create_client', async () => {
        const id = uuidv7();
        const { secret, hash } = await newSecret();
        const created = clock.now();
        await unitOfWork.run({ operation }, async (transaction) => {
          const client = { id, name, secretHash: hash, scopes: [...scopes], createdAt: created };
          transaction.em.create(OauthClientEntity, client);
          await audit.record(transaction, {
            stream: `client:${id}`,
            action: 'client.created',
            outcome: 'success',
            actor: operator,
            target: id,
            data: { scopes, created_at: created.toISOString() },
          });
        });
        return { id, secret };
      }),

    rotate: (id) =>
      runOperatorCommand('rotate_client', async () => {
        const { secret, hash } = await newSecret();
        const rotated = clock.now();
        await unitOfWork.run({ operation }, async (transaction) => {
          const client = await findActive(transaction, id);
          client.secretHash = hash;
          client.rotatedAt = rotated;
          // Who has the former secret could make a key with a token of it.
          await endTokensIssuedBefore(transaction, { kind: 'client', id }, await endOfTokens(transaction, rotated));
          await audit.record(transaction, {
            stream: `client:${id}`,
            action: 'client.rotated',
            outcome: 'success',
            actor: operator,
            target: id,
            data: { rotated_at: rotated.toISOString() },
          });
        });
        return { id, secret };
      }),

    revoke: (id) =>
      runOperatorCommand('revoke_client', async () => {
        const revoked = clock.now();
        await unitOfWork.run({ operation }, async (transaction) => {
          // A transaction that stores a webhook or a calendar of the client is waited for, so that its row is removed too.
          await takeOwnerTurn(transaction.query, credentialsTurn({ kind: 'client', id }));
          (await findActive(transaction, id)).revokedAt = revoked;
          await audit.record(transaction, {
            stream: `client:${id}`,
            action: 'client.revoked',
            outcome: 'success',
            actor: operator,
            target: id,
            data: { revoked_at: revoked.toISOString() },
          });
          await removeDataOf(transaction, { kind: 'client', id }, operator);
        });
      }),

    list: () => runOperatorCommand('list_clients', reads.list),
  };
};
