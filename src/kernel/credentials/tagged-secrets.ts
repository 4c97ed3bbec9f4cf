import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

export type TaggedSecrets = {
  /** `prefix` and 43 characters of base64url. Secret scanners recognise the prefix in leaked text. */
  readonly create: (prefix: string) => string;
  /** Whether this service made the secret. A secret made before tags existed, or with another key, is not recognised. */
  readonly isOurs: (secret: string) => boolean;
};

const randomLength = 24;
const tagLength = 8;
/** The number of base64url characters for 32 bytes. */
const bodyLength = 43;

/**
 * Secrets of 192 random bits and a tag of 64 bits. The tag is a keyed digest of the rest, so a secret that somebody made
 * up is found without the database.
 * @param key must be the same on all instances
 */
export const createTaggedSecrets = (key: Uint8Array): TaggedSecrets => {
  const tagOf = (prefix: string, random: Uint8Array): Buffer =>
    createHmac('sha256', key).update(prefix).update(random).digest().subarray(0, tagLength);

  return {
    create: (prefix) => {
      const random = randomBytes(randomLength);
      return `${prefix}${Buffer.concat([random, tagOf(prefix, random)]).toString('base64url')}`;
    },
    isOurs: (secret) => {
      const body = Buffer.from(secret.slice(-bodyLength), 'base64url');
      if (body.length !== randomLength + tagLength) return false;
      const expected = tagOf(secret.slice(0, -bodyLength), body.subarray(0, randomLength));
      return timingSafeEqual(body.subarray(randomLength), expected);
    },
  };
};
