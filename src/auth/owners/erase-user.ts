import type { AuditActor } from '#src/kernel/ports/audit.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { isUnclaimedSql } from '../users/users.ts';
import { createEndCredentials, type Ended, type EndCredentialsDeps } from './end-credentials.ts';

// SQL: all keys of the erased owner get the same name at once.

export type EraseUserDeps = EndCredentialsDeps & {
  /** Removes the data of a user and of its API keys in other rooms. */
  readonly removeData: (transaction: Transaction, userId: string) => Promise<void>;
};

/** The service itself: on request of the user, or because nobody uses the account. */
export const system: AuditActor = { kind: 'system', subject: null };

/** Each method removes a locked account with all data of its user, and records `user.erased`. */
export type EraseUser = {
  readonly erase: (transaction: Transaction, id: string, actor: AuditActor) => Promise<Ended>;
  /** Erases an account that nobody claimed. No row in `owner_end` stays of it if it never had an API key. */
  readonly eraseUnused: (transaction: Transaction, id: string) => Promise<void>;
};

export const createEraseUser = (deps: EraseUserDeps): EraseUser => {
  const end = createEndCredentials(deps);

  const erase = async (transaction: Transaction, id: string, actor: AuditActor) => {
    const { query } = transaction;
    const owner = { kind: 'user', id } as const;
    const ended = await end.all(transaction, owner, 'tokens_ended', actor);
    // Names of keys are chosen by users and may be personal data. The audit trail does not hold them.
    const [renamed] = await query<{ keys: number }>(
      `with renamed as (update api_key set name = 'erased' where owner_kind = 'user' and owner_id = $1 returning 1)
       select count(*)::int as keys from renamed`,
      [id],
    );
    await deps.removeData(transaction, id);
    await query('delete from user_account where id = $1', [id]);
    await deps.audit.record(transaction, {
      stream: `user:${id}`,
      action: 'user.erased',
      outcome: 'success',
      actor,
      target: id,
    });
    return { ended, keys: renamed!.keys };
  };

  return {
    erase: async (transaction, id, actor) => (await erase(transaction, id, actor)).ended,

    eraseUnused: async (transaction, id) => {
      const { keys } = await erase(transaction, id, system);
      // Anybody can register accounts, so the rows of all of them would grow without end. Without a key or a sign-in nothing names the user.
      if (keys === 0)
        await transaction.query(`delete from owner_end where owner_kind = 'user' and owner_id = $1`, [id]);
    },
  };
};

/** Locks an account, if nobody has claimed it. @returns whether nobody has */
export const lockUnclaimed = async ({ query }: Transaction, id: string): Promise<boolean> => {
  const found = await query(
    `select 1 from user_account as account where id = $1 and ${isUnclaimedSql} for update of account`,
    [id],
  );
  return found.length > 0;
};
