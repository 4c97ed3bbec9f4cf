import { LockMode } from '@mikro-orm/core';
import type { AuditActor } from '#src/kernel/ports/audit.ts';
import type { OperatorOperationName } from '#src/kernel/catalogue/operations.ts';
import type { Owner } from '#src/kernel/ports/owners.ts';
import { isAccountId } from '#src/kernel/requests/unknown-user.ts';
import { removalStatementMs, removeEach } from '#src/kernel/lists/removal.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { runOperatorCommand } from '../measured.ts';
import { UserAccountEntity } from '../account-entities.ts';
import {
  createCredentialOwnerReads,
  credentialNotFound,
  type CredentialOwnerReads,
  type CredentialOwnerReadsDeps,
} from './credential-owner-reads.ts';
import { disableUser, enableUser } from './disabled-users.ts';
import { createEndCredentials, type Ended } from './end-credentials.ts';
import { createEraseUser, lockUnclaimed, system, type EraseUserDeps } from './erase-user.ts';

export type CredentialAdminDeps = EraseUserDeps & CredentialOwnerReadsDeps & { readonly unitOfWork: UnitOfWork };

/** The commands of operators on credentials. Each method can throw AppError `resource_not_found`. */
export type CredentialAdmin = Pick<CredentialOwnerReads, 'find' | 'isStored'> & {
  readonly endKey: (id: string) => Promise<void>;
  /** @returns the number of revoked API keys */
  readonly endKeys: (owner: Owner) => Promise<number>;
  /** Ends the API keys, sessions, refresh tokens and access tokens of the owner, and removes the webhooks. */
  readonly endAll: (owner: Owner) => Promise<Ended>;
  /** Like `endAll`. The user also loses all scopes and cannot sign in until `enable`. */
  readonly disable: (userId: string) => Promise<Ended>;
  readonly enable: (userId: string) => Promise<void>;
  /** Like `endAll`. All data of the user is deleted too, except audit events, which hold only the user's id. */
  readonly erase: (userId: string) => Promise<Ended>;
  /**
   * Erases up to `limit` users who asked for it and whose grace period is over, each in its own transaction. A user who cannot be erased now
   * does not keep the others from it.
   * @param signal no erasure begins after it is aborted
   * @returns the number of users
   * @throws the error of the first user who was not erased, after the others were tried
   */
  readonly eraseDue: (limit: number, signal?: AbortSignal) => Promise<number>;
  /** As `eraseDue`, for accounts that are older than `days` and that nobody claimed. */
  readonly eraseUnused: (days: number, limit: number, signal?: AbortSignal) => Promise<number>;
};

const operator: AuditActor = { kind: 'operator', subject: null };
const operation = 'auth.operator';

export const createCredentialAdmin = (deps: CredentialAdminDeps): CredentialAdmin => {
  const { unitOfWork, audit, clock } = deps;

  const end = createEndCredentials(deps);
  const erasure = createEraseUser(deps);
  const reads = createCredentialOwnerReads(deps);

  const record = (
    transaction: Transaction,
    { kind, id }: Owner,
    action: 'user.credentials_ended' | 'client.credentials_ended',
  ): Promise<void> =>
    audit.record(transaction, { stream: `${kind}:${id}`, action, outcome: 'success', actor: operator, target: id });

  /** Locks the user until the end of the transaction. */
  const findUser = async ({ em }: Transaction, id: string) => {
    const lockMode = LockMode.PESSIMISTIC_WRITE;
    const user = isAccountId(id) && (await em.findOne(UserAccountEntity, { id }, { lockMode }));
    if (!user) throw credentialNotFound('user');
    return user;
  };

  const command = <T>(name: OperatorOperationName, work: (transaction: Transaction) => Promise<T>): Promise<T> =>
    runOperatorCommand(name, () => unitOfWork.run({ operation }, work));

  /** Runs a removal of an account. What an account stores can take longer than the timeout of other statements, whoever removes it. */
  const removeAccount = <T>(work: (transaction: Transaction) => Promise<T>): Promise<T> =>
    unitOfWork.run({ operation: 'account.removal', statementTimeoutMs: removalStatementMs }, work);

  /** Runs removals of accounts, each in its own transaction. */
  const removeAccounts = (
    ids: readonly string[],
    signal: AbortSignal | undefined,
    remove: (transaction: Transaction, id: string) => Promise<boolean>,
  ): Promise<number> =>
    removeEach(
      ids.map((id) => () => removeAccount(async (transaction) => Number(await remove(transaction, id)))),
      signal,
    );

  return {
    find: reads.find,
    isStored: reads.isStored,

    endKey: (id) =>
      command('end_key', async (transaction) => {
        const ended = await end.key(transaction, id, operator);
        if (ended === 0) throw credentialNotFound('API key, or it has ended');
      }),

    endKeys: (owner) => command('end_keys', (transaction) => end.keys(transaction, owner, operator)),

    endAll: (owner) =>
      command('end_all', async (transaction) => {
        const ended = await end.all(transaction, owner, 'tokens_ended', operator);
        await record(transaction, owner, `${owner.kind}.credentials_ended`);
        return ended;
      }),

    disable: (id) =>
      command('disable_user', async (transaction) =>
        disableUser({ audit, end, transaction, user: await findUser(transaction, id), actor: operator }),
      ),

    enable: (id) =>
      command('enable_user', async (transaction) => {
        const user = await findUser(transaction, id);
        if (!(await enableUser({ audit, transaction, user, actor: operator })))
          throw credentialNotFound('disabled user');
      }),

    erase: (id) =>
      runOperatorCommand('erase_user', () =>
        removeAccount(async (transaction) =>
          erasure.erase(transaction, (await findUser(transaction, id)).id, operator),
        ),
      ),

    eraseDue: async (limit, signal) =>
      removeAccounts(await reads.dueForRemoval(limit), signal, async (transaction, id) => {
        const due = { id, removalAt: { $lte: clock.now() } };
        const user = await transaction.em.findOne(UserAccountEntity, due, { lockMode: LockMode.PESSIMISTIC_WRITE });
        // Else the user has signed in meanwhile, or another process has removed the account.
        if (user) await erasure.erase(transaction, id, system);
        return user !== null;
      }),

    eraseUnused: async (days, limit, signal) =>
      removeAccounts(await reads.unused(days, limit), signal, async (transaction, id) => {
        const isUnused = await lockUnclaimed(transaction, id);
        if (isUnused) await erasure.eraseUnused(transaction, id);
        return isUnused;
      }),
  };
};
