import { webcrypto } from 'node:crypto';
import type { SigningKey } from './signing-key.ts';

/**
 * 32 bytes that only a holder of the signing key can know, a different set for each `purpose`, the same on every
 * instance that shares the key: the digest of a signature, which RS256 and Ed25519 both make without randomness.
 */
export const derivedSecret = async ({ privateKey }: SigningKey, purpose: string): Promise<Uint8Array> => {
  const text = new TextEncoder().encode(`volwatch derived secret: ${purpose}`);
  const signature = await webcrypto.subtle.sign(privateKey.algorithm.name, privateKey, text);
  return new Uint8Array(await webcrypto.subtle.digest('SHA-256', signature));
};
