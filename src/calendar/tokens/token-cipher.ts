import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { AppError } from '#src/kernel/catalogue/errors.ts';

/** Encrypts tokens for storage. */
export type TokenCipher = {
  /**
   * Returns `v1.KEY_ID.DATA`.
   * @param place the row and column of the token. A token that is copied to another place cannot be decrypted there
   */
  readonly encrypt: (token: string, place: string) => string;
  /** @throws AppError `calendar_token_unreadable` if no key fits, or the stored text was changed */
  readonly decrypt: (stored: string, place: string) => string;
};

const ivBytes = 12;
const tagBytes = 16;
const version = 'v1';

/** Identifies a key without telling anything about it. */
const keyIdOf = (key: Uint8Array): string => createHash('sha256').update(key).digest('hex').slice(0, 8);

const unreadable = (cause?: unknown): AppError =>
  new AppError('calendar_token_unreadable', 'The stored calendar token cannot be decrypted with TOKEN_ENCRYPTION_KEY', {
    cause,
  });

/** AES-256-GCM with a random IV for each token. @param keys 32 bytes each; the first encrypts, all decrypt */
export const createTokenCipher = ({ keys }: { readonly keys: readonly Uint8Array[] }): TokenCipher => {
  const byId = new Map(keys.map((key) => [keyIdOf(key), key]));
  const [first] = keys;
  if (first === undefined) throw new Error('The token cipher needs a key');
  const firstId = keyIdOf(first);
  const contextOf = (place: string): Buffer => Buffer.from(`volwatch token ${place}`);
  return {
    encrypt: (token, place) => {
      const iv = randomBytes(ivBytes);
      const cipher = createCipheriv('aes-256-gcm', first, iv).setAAD(contextOf(place));
      const data = Buffer.concat([iv, cipher.update(token, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return `${version}.${firstId}.${data.toString('base64url')}`;
    },
    decrypt: (stored, place) => {
      const [format, id = '', text = ''] = stored.split('.');
      const key = byId.get(id);
      const data = Buffer.from(text, 'base64url');
      if (format !== version || key === undefined || data.length < ivBytes + tagBytes) throw unreadable();
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, data.subarray(0, ivBytes), { authTagLength: tagBytes })
          .setAAD(contextOf(place))
          .setAuthTag(data.subarray(-tagBytes));
        return decipher.update(data.subarray(ivBytes, -tagBytes), undefined, 'utf8') + decipher.final('utf8');
      } catch (cause) {
        throw unreadable(cause);
      }
    },
  };
};

/** Places of the tokens in the database. A revocation keeps the text of its connection. */
export const placeOf = {
  refreshToken: (connectionId: string): string => `calendar_connection:${connectionId}:refresh_token`,
  accessToken: (connectionId: string): string => `calendar_connection:${connectionId}:access_token`,
  codeVerifier: (stateDigest: string): string => `calendar_consent:${stateDigest}:code_verifier`,
};
