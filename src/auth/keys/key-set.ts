import type { JWK } from 'jose';
import { KeyFault, PrivateKeyFault } from './key-fault.ts';

/** Key types of RFC 7518 that hold a key for RS256 or EdDSA. */
const usedKeyTypes: ReadonlySet<unknown> = new Set(['RSA', 'OKP']);

/** `d` is the private part of an RSA or OKP key. The other members are the rest of a private RSA key. */
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth'];

/**
 * The entries of a JWKS (RFC 7517).
 * @throws KeyFault when the text is not a JWKS or has no entry
 */
export const keySetEntries = (text: string): readonly unknown[] => {
  let keys: unknown;
  try {
    ({ keys } = JSON.parse(text) as { keys?: unknown });
  } catch {
    throw new KeyFault('is not valid JSON');
  }
  if (!Array.isArray(keys) || keys.length === 0) throw new KeyFault('must be a JWKS with at least one key');
  return keys;
};

/**
 * Checks that an entry of a JWKS declares a key for signatures. Identity providers publish keys for encryption and for
 * other algorithms in the same set (RFC 7517 section 5: such entries should be ignored).
 * @throws KeyFault with the reason, PrivateKeyFault for a private key
 */
export const signatureKeyEntry = (entry: unknown): JWK => {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) throw new KeyFault('must be an object');
  const jwk = entry as Record<string, unknown>;
  const { kty, use, kid, key_ops: operations } = jwk;
  if (!usedKeyTypes.has(kty)) throw new KeyFault(`has the key type ${shown(kty)}; RSA and OKP are used`);
  if (privateMembers.some((member) => member in jwk)) throw new PrivateKeyFault();
  if (use !== undefined && use !== 'sig') throw new KeyFault(`has use ${shown(use)}; sig is used`);
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    throw new KeyFault('has key_ops without verify');
  }
  if (kid !== undefined && (typeof kid !== 'string' || kid === '')) {
    throw new KeyFault('has a kid that is not a non-empty string');
  }
  return jwk;
};

/** A value of the key set in a message. It is cut, because the set may come from elsewhere. */
export const shown = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 40) : typeof value);
