import {
  AccountTokenEntity,
  ApiKeyEntity,
  EmailChangeEntity,
  OauthClientEntity,
  OwnerEndEntity,
  RefreshFamilyEntity,
  RefreshTokenEntity,
  RegistrationCountEntity,
  RevokedTokenEntity,
  SignInPlaceEntity,
  UserAccountEntity,
  UserSessionEntity,
} from './account-entities.ts';
import { RecoveryCodeEntity, SignInChallengeEntity, UserSecondFactorEntity } from './second-factor/entities.ts';

export { UserAccountEntity };

/** The entities of this room, for the database room. */
export const authEntities = [
  OauthClientEntity,
  UserAccountEntity,
  RefreshFamilyEntity,
  RefreshTokenEntity,
  RevokedTokenEntity,
  UserSessionEntity,
  ApiKeyEntity,
  AccountTokenEntity,
  EmailChangeEntity,
  OwnerEndEntity,
  SignInPlaceEntity,
  RegistrationCountEntity,
  UserSecondFactorEntity,
  RecoveryCodeEntity,
  SignInChallengeEntity,
];
