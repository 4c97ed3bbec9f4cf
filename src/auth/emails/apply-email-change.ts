import type { InferEntity } from '@mikro-orm/core';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { EmailChangeEntity, UserAccountEntity } from '../account-entities.ts';

const uniqueViolation = '23505';

const isTaken = (error: unknown): boolean => {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (Reflect.get(at, 'code') === uniqueViolation) return true;
  }
  return false;
};

/** Gives the account its new address. @throws AppError `email_taken` if another account got the address meanwhile */
export const applyEmailChange = async (
  { em }: Transaction,
  account: InferEntity<typeof UserAccountEntity>,
  change: InferEntity<typeof EmailChangeEntity>,
  at: Date,
): Promise<void> => {
  Object.assign(account, { email: change.newEmail, emailVerifiedAt: at, emailSince: at });
  em.remove(change);
  try {
    await em.flush();
  } catch (error) {
    if (!isTaken(error)) throw error;
    throw new AppError('email_taken', 'Another account has the new address now: ask for the change of another address');
  }
};
