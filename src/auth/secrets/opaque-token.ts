import { createHash, randomBytes } from 'node:crypto';

/** 256 random bits as text behind `prefix`, which tells scanners of leaked secrets what they found. */
export const newOpaqueToken = (prefix: string): string => `${prefix}${randomBytes(32).toString('base64url')}`;

/** What is stored of a token that we made: its entropy makes a slow or keyed hash needless. */
export const tokenDigest = (token: string): Buffer => createHash('sha256').update(token).digest();
