import { webcrypto } from 'node:crypto';
import type { SigningKey } from './signing-key.ts';

/**
 * Derives a secret of 32 bytes from the signing key. It differs by `purpose`, and is the same on all instances with the
 * same key. It is the digest of a signature, because signatures of RS256 and Ed25519 are deterministic.
 */
export const derivedSecret = async ({ privateKey }: SigningKey, purpose: string): Promise<Uint8Array> => {
  const text = new TextEncoder().encode(`volwatch derived secret: ${purpose}`);
  const signature = await webcrypto.subtle.sign(privateKey.algorithm.name, privateKey, text);
  return new Uint8Array(await webcrypto.subtle.digest('SHA-256', signature));
};
