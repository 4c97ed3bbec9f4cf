import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { AccountTokenEntity, EmailChangeEntity, type AccountTokenPurpose } from '../account-entities.ts';

const ofAddressChange: readonly AccountTokenPurpose[] = ['email_change', 'email_approval'];

/**
 * Ends a waiting change of the address with its tokens. Somebody may have asked for it who knew the former password or had a sign-in. The
 * verification of the address stays.
 */
export const endAddressChange = async ({ em }: Transaction, userId: string): Promise<void> => {
  await em.nativeDelete(AccountTokenEntity, { user: userId, purpose: { $in: [...ofAddressChange] } });
  await em.nativeDelete(EmailChangeEntity, { user: userId });
};

/**
 * Ends the tokens of messages that reset the password. Only who ends all credentials of a user may do this. Neither a sign-in nor the
 * password is enough, because a thief of them could end each token before its owner uses it. See docs/decisions/0370.
 */
export const endPasswordResets = async ({ em }: Transaction, userId: string): Promise<void> => {
  await em.nativeDelete(AccountTokenEntity, { user: userId, purpose: 'password_reset' });
};
