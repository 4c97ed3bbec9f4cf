import { defineEntity, p } from '@mikro-orm/core';
import { UserAccountEntity } from '../account-entities.ts';

const user = () => p.manyToOne(UserAccountEntity).updateRule('no action').deleteRule('cascade');

/** The TOTP secret of a user. It is in effect when it is confirmed by a code. */
export const UserSecondFactorEntity = defineEntity({
  name: 'UserSecondFactor',
  tableName: 'user_second_factor',
  properties: {
    user: () => user().primary(),
    /** Encrypted; see `SecretCipher`. */
    secret: p.text(),
    createdAt: p.datetime(),
    confirmedAt: p.datetime().nullable(),
    /** Period of the last accepted code. A code of this period or an earlier one is refused. */
    lastStep: p.integer().default(0),
    /** Wrong codes since the last accepted one. */
    failures: p.integer().default(0),
  },
});

/** A digest of a recovery code that was not used yet. */
export const RecoveryCodeEntity = defineEntity({
  name: 'RecoveryCode',
  tableName: 'recovery_code',
  properties: { user: () => user().primary(), codeHash: p.blob().primary() },
});

/** A sign-in whose password was right and that waits for its second factor. */
export const SignInChallengeEntity = defineEntity({
  name: 'SignInChallenge',
  tableName: 'sign_in_challenge',
  indexes: [
    { name: 'sign_in_challenge_user_index', properties: ['user'] },
    { name: 'sign_in_challenge_expires_index', properties: ['expiresAt'] },
  ],
  properties: {
    tokenHash: p.blob().primary(),
    user,
    wantsSession: p.boolean(),
    agent: p.text().nullable(),
    placeHash: p.blob(),
    expiresAt: p.datetime(),
  },
});
