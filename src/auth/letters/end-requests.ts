import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { AccountTokenEntity, EmailChangeEntity, type AccountTokenPurpose } from '../account-entities.ts';

const requested: readonly AccountTokenPurpose[] = ['password_reset', 'email_change', 'email_approval'];

/**
 * Ends what was asked for by mail: resets of the password, and a waiting change of the address. Somebody may have asked for it who knew
 * the former password or had a sign-in. The verification of the address stays.
 */
export const endRequestsByMail = async ({ em }: Transaction, userId: string): Promise<void> => {
  await em.nativeDelete(AccountTokenEntity, { user: userId, purpose: { $in: [...requested] } });
  await em.nativeDelete(EmailChangeEntity, { user: userId });
};
