import { LockMode, type InferEntity } from '@mikro-orm/core';
import type { AuditActor, AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { OwnerEndEntity, type UserAccountEntity } from '../account-entities.ts';
import type { Ended, EndCredentials } from './end-credentials.ts';

type Change = {
  readonly audit: AuditTrail;
  readonly transaction: Transaction;
  /** Locked by the transaction. */
  readonly user: InferEntity<typeof UserAccountEntity>;
  /** Undefined: the caller of the request. */
  readonly actor: AuditActor | undefined;
};

const record = (
  { audit, transaction, user: { id }, actor }: Change,
  action: 'user.disabled' | 'user.enabled',
): Promise<void> =>
  audit.record(transaction, {
    stream: `user:${id}`,
    action,
    outcome: 'success',
    ...(actor && { actor }),
    target: id,
  });

/** Ends all credentials of a user, who then cannot sign in and holds no scope. */
export const disableUser = async (change: Change & { readonly end: EndCredentials }): Promise<Ended> => {
  const { end, transaction, user, actor } = change;
  const ended = await end.all(transaction, { kind: 'user', id: user.id }, 'disabled', actor);
  user.version += 1;
  await record(change, 'user.disabled');
  return ended;
};

/** Tokens that were issued before this time stay ended. @returns false if the user is not disabled */
export const enableUser = async (change: Change): Promise<boolean> => {
  const { transaction, user } = change;
  const disabled = { ownerKind: 'user', ownerId: user.id, reason: 'disabled' } as const;
  const lockMode = LockMode.PESSIMISTIC_WRITE;
  const end = await transaction.em.findOne(OwnerEndEntity, disabled, { lockMode });
  if (!end) return false;
  end.reason = 'tokens_ended';
  user.version += 1;
  await record(change, 'user.enabled');
  return true;
};
