import { LockMode } from '@mikro-orm/core';
import type { AuditActor } from '#src/kernel/ports/audit.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Owner } from '#src/kernel/ports/owners.ts';
import { isAccountId } from '#src/kernel/requests/unknown-user.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { UserAccountEntity } from '../entities.ts';
import { disableUser, enableUser } from './disabled-users.ts';
import { createEndCredentials, type Ended, type EndCredentialsDeps } from './end-credentials.ts';

export type CredentialAdminDeps = EndCredentialsDeps & {
  readonly unitOfWork: UnitOfWork;
  /** Removes the data of a user in other rooms. @param subjects the user and the user's API keys, as `KIND:ID` */
  readonly removeData: (transaction: Transaction, userId: string, subjects: readonly string[]) => Promise<void>;
};

/** The commands of operators on credentials. Each method can throw AppError `resource_not_found`. */
export type CredentialAdmin = {
  /** @param text `user:ID`, `user:EMAIL` or `client:ID` */
  readonly find: (text: string) => Promise<Owner>;
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
};

const actor: AuditActor = { kind: 'operator', subject: null };
const operation = 'auth.operator';

const notFound = (what: string): AppError => new AppError('resource_not_found', `There is no such ${what}`);

export const createCredentialAdmin = (deps: CredentialAdminDeps): CredentialAdmin => {
  const { unitOfWork, audit } = deps;

  const end = createEndCredentials(deps);

  const record = (
    transaction: Transaction,
    { kind, id }: Owner,
    action: 'user.credentials_ended' | 'client.credentials_ended' | 'user.erased',
  ): Promise<void> =>
    audit.record(transaction, { stream: `${kind}:${id}`, action, outcome: 'success', actor, target: id });

  /** Locks the user until the end of the transaction. */
  const findUser = async ({ em }: Transaction, id: string) => {
    const lockMode = LockMode.PESSIMISTIC_WRITE;
    const user = isAccountId(id) && (await em.findOne(UserAccountEntity, { id }, { lockMode }));
    if (!user) throw notFound('user');
    return user;
  };

  return {
    find: (text) =>
      unitOfWork.run({ operation }, async ({ query }) => {
        const [, kind, id = ''] = /^(user|client):(.+)$/s.exec(text) ?? [];
        if (kind === 'client') return { kind, id };
        if (kind !== 'user') throw notFound('owner: write user:ID, user:EMAIL or client:ID');
        if (isAccountId(id)) return { kind, id: id.toLowerCase() };
        const email = id.trim().normalize('NFKC').toLowerCase();
        const [user] = await query<{ id: string }>('select id from user_account where email = $1', [email]);
        // A foreign user has no account here, only an id in tokens.
        if (!user && id.includes('@')) throw notFound('user');
        return { kind, id: user?.id ?? id };
      }),

    endKey: (id) =>
      unitOfWork.run({ operation }, async (transaction) => {
        const ended = await end.key(transaction, id, actor);
        if (ended === 0) throw notFound('API key, or it has ended');
      }),

    endKeys: (owner) => unitOfWork.run({ operation }, (transaction) => end.keys(transaction, owner, actor)),

    endAll: (owner) =>
      unitOfWork.run({ operation }, async (transaction) => {
        const ended = await end.all(transaction, owner, 'tokens_ended', actor);
        await record(transaction, owner, `${owner.kind}.credentials_ended`);
        return ended;
      }),

    disable: (id) =>
      unitOfWork.run({ operation }, async (transaction) =>
        disableUser({ audit, end, transaction, user: await findUser(transaction, id), actor }),
      ),

    enable: (id) =>
      unitOfWork.run({ operation }, async (transaction) => {
        const user = await findUser(transaction, id);
        if (!(await enableUser({ audit, transaction, user, actor }))) throw notFound('disabled user');
      }),

    erase: (id) =>
      unitOfWork.run({ operation }, async (transaction) => {
        const user = await findUser(transaction, id);
        const { em, query } = transaction;
        const owner = { kind: 'user', id } as const;
        const ended = await end.all(transaction, owner, 'tokens_ended', actor);
        const keys = await query<{ id: string }>(`select id from api_key where owner_kind = 'user' and owner_id = $1`, [
          id,
        ]);
        await deps.removeData(transaction, id, [`user:${id}`, ...keys.map((key) => `api_key:${key.id}`)]);
        // Names of keys are chosen by users and may be personal data. The audit trail does not hold them.
        await query(`update api_key set name = 'erased' where owner_kind = 'user' and owner_id = $1`, [id]);
        em.remove(user);
        await record(transaction, owner, 'user.erased');
        return ended;
      }),
  };
};
