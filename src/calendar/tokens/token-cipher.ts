import { AppError } from '#src/kernel/catalogue/errors.ts';
import { createSecretCipher, type SecretCipher } from '#src/kernel/secrets/secret-cipher.ts';

/** Encrypts tokens for storage. `decrypt` throws AppError `calendar_token_unreadable`. */
export type TokenCipher = SecretCipher;

const unreadable = (cause?: unknown): AppError =>
  new AppError('calendar_token_unreadable', 'The stored calendar token cannot be decrypted with TOKEN_ENCRYPTION_KEY', {
    cause,
  });

/** @param keys 32 bytes each; the first encrypts, all decrypt */
export const createTokenCipher = ({ keys }: { readonly keys: readonly Uint8Array[] }): TokenCipher =>
  createSecretCipher({ keys, unreadable });

/** Places of the tokens in the database. A revocation keeps the text of its connection. */
export const placeOf = {
  refreshToken: (connectionId: string): string => `calendar_connection:${connectionId}:refresh_token`,
  accessToken: (connectionId: string): string => `calendar_connection:${connectionId}:access_token`,
  codeVerifier: (stateDigest: string): string => `calendar_consent:${stateDigest}:code_verifier`,
};
