import { defineEntity, p } from '@mikro-orm/core';
import type { Scope } from '#src/kernel/requests/principal.ts';

/** A trigger on `user_account` writes `deleted`. Operators cause the other reasons. */
export type OwnerEndReason = 'deleted' | 'disabled' | 'tokens_ended';

export const OauthClientEntity = defineEntity({
  name: 'OauthClient',
  tableName: 'oauth_client',
  properties: {
    id: p.text().primary(),
    name: p.text(),
    secretHash: p.text(),
    scopes: p.array().$type<Scope[]>(),
    createdAt: p.datetime(),
    rotatedAt: p.datetime().nullable(),
    revokedAt: p.datetime().nullable(),
  },
});

export const UserAccountEntity = defineEntity({
  name: 'UserAccount',
  tableName: 'user_account',
  indexes: [
    { name: 'user_account_sign_in_index', properties: ['firstSignedInAt', 'createdAt'] },
    { name: 'user_account_removal_index', properties: ['removalAt'] },
  ],
  properties: {
    id: p.uuid().primary(),
    email: p.text().unique('user_account_email_unique'),
    /** The id of the user in the earlier system. */
    legacyId: p.bigint().nullable().unique('user_account_legacy_id_unique'),
    passwordHash: p.text(),
    role: p.text(),
    scopes: p.array().$type<Scope[]>(),
    createdAt: p.datetime(),
    /** Counts changes of role, scopes and state, for If-Match. */
    version: p.integer().default(0),
    /** When the owner proved that messages to `email` arrive. */
    emailVerifiedAt: p.datetime().nullable(),
    /** When the account got its present address by a change. Null: with its creation. */
    emailSince: p.datetime().nullable(),
    /** When somebody registered the unproved address again. Then only a reset of the password proves it: see `users.ts`. */
    registeredAgainAt: p.datetime().nullable(),
    /** A number that many networks share, so that networks have equal shares of the accounts without a sign-in. Null: imported. */
    registrationBucket: p.integer().nullable(),
    /** When the account is removed, because its user asked for it. */
    removalAt: p.datetime().nullable(),
    /** Set by a trigger with the first session or refresh family, and by the first use with a token of the earlier system. */
    firstSignedInAt: p.datetime().nullable(),
  },
});

/** All refresh tokens of one sign-in. They are revoked together. */
export const RefreshFamilyEntity = defineEntity({
  name: 'RefreshFamily',
  tableName: 'refresh_family',
  indexes: [
    { name: 'refresh_family_user_index', properties: ['user'] },
    { name: 'refresh_family_expires_index', properties: ['expiresAt'] },
    { name: 'refresh_family_revoked_index', properties: ['revokedAt'] },
  ],
  properties: {
    id: p.uuid().primary(),
    user: () => p.manyToOne(UserAccountEntity).updateRule('no action').deleteRule('cascade'),
    createdAt: p.datetime(),
    expiresAt: p.datetime(),
    revokedAt: p.datetime().nullable(),
    revokedReason: p.text().nullable(),
    agent: p.text().nullable(),
    placeHash: p.blob().nullable(),
  },
});

export const RefreshTokenEntity = defineEntity({
  name: 'RefreshToken',
  tableName: 'refresh_token',
  indexes: [{ name: 'refresh_token_family_time_index', properties: ['family', 'createdAt'] }],
  properties: {
    tokenHash: p.blob().primary(),
    family: () => p.manyToOne(RefreshFamilyEntity).updateRule('no action').deleteRule('cascade'),
    scopes: p.array().$type<Scope[]>(),
    /** The access token that was issued with it. It is revoked with the family. */
    accessTokenId: p.text().unique('refresh_token_access_token_unique'),
    accessExpiresAt: p.datetime(),
    createdAt: p.datetime(),
    usedAt: p.datetime().nullable(),
  },
});

export const RevokedTokenEntity = defineEntity({
  name: 'RevokedToken',
  tableName: 'revoked_token',
  indexes: [
    { name: 'revoked_token_revoked_index', properties: ['revokedAt'] },
    { name: 'revoked_token_expires_index', properties: ['expiresAt'] },
  ],
  properties: {
    tokenId: p.text().primary(),
    revokedAt: p.datetime(),
    /** Expiry of the token. The row can be deleted after it. */
    expiresAt: p.datetime(),
  },
});

export const UserSessionEntity = defineEntity({
  name: 'UserSession',
  tableName: 'user_session',
  indexes: [
    { name: 'user_session_user_index', properties: ['user'] },
    { name: 'user_session_expires_index', properties: ['expiresAt'] },
  ],
  properties: {
    id: p.uuid().primary(),
    tokenHash: p.blob().unique('user_session_token_hash_unique'),
    user: () => p.manyToOne(UserAccountEntity).updateRule('no action').deleteRule('cascade'),
    createdAt: p.datetime(),
    seenAt: p.datetime(),
    expiresAt: p.datetime(),
    agent: p.text().nullable(),
    placeHash: p.blob().nullable(),
  },
});

export const ApiKeyEntity = defineEntity({
  name: 'ApiKey',
  tableName: 'api_key',
  indexes: [
    { name: 'api_key_owner_index', properties: ['ownerKind', 'ownerId', 'id'] },
    {
      name: 'api_key_live_index',
      expression: `create index api_key_live_index on api_key (owner_kind, owner_id, (coalesce(least(revoked_at, expires_at), 'infinity')))`,
    },
    { name: 'api_key_revoked_index', properties: ['revokedAt'] },
    { name: 'api_key_expires_index', properties: ['expiresAt'] },
  ],
  properties: {
    id: p.uuid().primary(),
    keyHash: p.blob().unique('api_key_key_hash_unique'),
    prefix: p.text(),
    name: p.text(),
    ownerKind: p.text().$type<'user' | 'client'>(),
    ownerId: p.text(),
    scopes: p.array().$type<Scope[]>(),
    createdAt: p.datetime(),
    /** The end of the key, or that of its overlap after a rotation. */
    expiresAt: p.datetime().nullable(),
    revokedAt: p.datetime().nullable(),
    lastUsedAt: p.datetime().nullable(),
    /** The first rotation. */
    rotatedAt: p.datetime().nullable(),
    /** `expiresAt` before the first rotation. Null: the key had no end, or was not rotated. */
    plannedEnd: p.datetime().nullable(),
  },
});

/** What a token in a message may do. */
export type AccountTokenPurpose = 'password_reset' | 'email_verification' | 'email_change' | 'email_approval';

/** A change of the address that waits for confirmations. `confirmedAt`: from the new address, `approvedAt`: from the old one. */
export const EmailChangeEntity = defineEntity({
  name: 'EmailChange',
  tableName: 'email_change',
  indexes: [{ name: 'email_change_expires_index', properties: ['expiresAt'] }],
  properties: {
    user: () => p.manyToOne(UserAccountEntity).primary().updateRule('no action').deleteRule('cascade'),
    newEmail: p.text(),
    confirmedAt: p.datetime().nullable(),
    approvedAt: p.datetime().nullable(),
    createdAt: p.datetime(),
    expiresAt: p.datetime(),
  },
});

/** A token that was sent to `email`. It is void when the account, or its waiting change, has another address. */
export const AccountTokenEntity = defineEntity({
  name: 'AccountToken',
  tableName: 'account_token',
  indexes: [
    { name: 'account_token_user_index', properties: ['user', 'purpose'] },
    { name: 'account_token_expires_index', properties: ['expiresAt'] },
  ],
  properties: {
    tokenHash: p.blob().primary(),
    user: () => p.manyToOne(UserAccountEntity).updateRule('no action').deleteRule('cascade'),
    purpose: p.text().$type<AccountTokenPurpose>(),
    email: p.text(),
    createdAt: p.datetime(),
    expiresAt: p.datetime(),
    /** Only of a verification: the password that the address was registered with when the message was sent. */
    passwordHash: p.text().nullable(),
    /** Only of an approval: the new address that the message named. */
    newEmail: p.text().nullable(),
  },
});

/** An owner that is deleted or disabled, or whose access tokens were ended. It holds only the id. */
export const OwnerEndEntity = defineEntity({
  name: 'OwnerEnd',
  tableName: 'owner_end',
  properties: {
    ownerKind: p.text().$type<'user' | 'client'>().primary(),
    ownerId: p.text().primary(),
    reason: p.text().$type<OwnerEndReason>(),
    endedAt: p.datetime(),
    /** Tokens of the earlier system that were issued until then are ended. */
    legacyEndedAt: p.datetime().nullable(),
    /** The id of one that stays: with it the last such end was asked for. */
    legacyKeptTokenId: p.text().nullable(),
  },
});

/** Registrations of a day (UTC) from the networks whose keyed hash is in `bucket`. */
export const RegistrationCountEntity = defineEntity({
  name: 'RegistrationCount',
  tableName: 'registration_count',
  properties: {
    day: p.date().primary(),
    bucket: p.integer().primary(),
    registrations: p.integer(),
  },
});

/** A network from which a user has signed in, as a keyed hash of account and address prefix. */
export const SignInPlaceEntity = defineEntity({
  name: 'SignInPlace',
  tableName: 'sign_in_place',
  indexes: [{ name: 'sign_in_place_seen_index', properties: ['seenAt'] }],
  properties: {
    user: () => p.manyToOne(UserAccountEntity).primary().updateRule('no action').deleteRule('cascade'),
    placeHash: p.blob().primary(),
    seenAt: p.datetime(),
  },
});
