import { createHash, randomBytes } from 'node:crypto';

/** `prefix` and 256 random bits in base64url. Secret scanners recognise the prefix in leaked text. */
export const newOpaqueToken = (prefix: string): string => `${prefix}${randomBytes(32).toString('base64url')}`;

/** The stored digest of a random token. A slow or keyed hash is not needed, because the token has at least 192 random bits. */
export const tokenDigest = (token: string): Buffer => createHash('sha256').update(token).digest();
