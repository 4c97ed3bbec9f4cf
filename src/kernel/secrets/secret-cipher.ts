import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import type { AppError } from '../catalogue/errors.ts';

/** Encrypts secrets for storage. */
export type SecretCipher = {
  /**
   * Returns `v1.KEY_ID.DATA`.
   * @param place the row and column of the secret. A secret that is copied to another place cannot be decrypted there
   */
  readonly encrypt: (secret: string, place: string) => string;
  /** @throws the error of `unreadable` if no key fits, or the stored text was changed */
  readonly decrypt: (stored: string, place: string) => string;
};

const ivBytes = 12;
const tagBytes = 16;
const version = 'v1';

/** Identifies a key without telling anything about it. */
const keyIdOf = (key: Uint8Array): string => createHash('sha256').update(key).digest('hex').slice(0, 8);

export type SecretCipherOptions = {
  /** 32 bytes each; the first encrypts, all decrypt. */
  readonly keys: readonly Uint8Array[];
  readonly unreadable: (cause?: unknown) => AppError;
};

/** AES-256-GCM with a random IV for each secret. */
export const createSecretCipher = ({ keys, unreadable }: SecretCipherOptions): SecretCipher => {
  const byId = new Map(keys.map((key) => [keyIdOf(key), key]));
  const [first] = keys;
  if (first === undefined) throw new Error('The cipher needs a key');
  const firstId = keyIdOf(first);
  // Stored tokens of calendars have this text too, so it must not change.
  const contextOf = (place: string): Buffer => Buffer.from(`volwatch token ${place}`);
  return {
    encrypt: (secret, place) => {
      const iv = randomBytes(ivBytes);
      const cipher = createCipheriv('aes-256-gcm', first, iv).setAAD(contextOf(place));
      const data = Buffer.concat([iv, cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()]);
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
