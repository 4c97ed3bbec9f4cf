import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, importJWK, importPKCS8, type CryptoKey, type JWK } from 'jose';
import type { SigningAlgorithm, SigningKey, VerifyingKey } from './signing-key.ts';

/** Smaller RSA moduli are refused (NIST SP 800-131A). */
const minRsaBits = 2048;

/** An unusable key. The message names the fault and never contains key material. */
export class KeyFault extends Error {
  override readonly name = 'KeyFault';
}

const algorithmOf = (key: KeyObject): SigningAlgorithm => {
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA';
  if (key.asymmetricKeyType !== 'rsa') throw new KeyFault('must be an RSA or Ed25519 key');
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < minRsaBits) throw new KeyFault(`is an RSA key of ${bits} bits; at least ${minRsaBits} are needed`);
  return 'RS256';
};

const parsed = (parse: () => KeyObject, fault: string): KeyObject => {
  try {
    return parse();
  } catch {
    throw new KeyFault(fault);
  }
};

/** @param keyId `kid` of a JWKS entry; default: the RFC 7638 thumbprint */
const verifyingKey = async (publicKey: KeyObject, keyId?: string): Promise<VerifyingKey> => {
  const algorithm = algorithmOf(publicKey);
  const material = await exportJWK(publicKey);
  const thumbprint = await calculateJwkThumbprint(material);
  const key = await importJWK({ ...material, alg: algorithm });
  const id = keyId ?? thumbprint;
  return {
    id,
    thumbprint,
    algorithm,
    key: key as CryptoKey,
    jwk: { ...material, kid: id, use: 'sig', alg: algorithm } as VerifyingKey['jwk'],
  };
};

/**
 * Imports a private key.
 * @param pem PKCS#8 PEM, unencrypted, with line ends or the text `\n`
 * @throws KeyFault
 */
export const importSigningKey = async (pem: string): Promise<SigningKey> => {
  const text = withLineEnds(pem);
  const malformed = 'must be an unencrypted PKCS#8 PEM (BEGIN PRIVATE KEY)';
  if (!text.includes('-----BEGIN PRIVATE KEY-----')) throw new KeyFault(malformed);
  const privateKey = parsed(() => createPrivateKey(text), malformed);
  const verifying = await verifyingKey(createPublicKey(privateKey));
  return { ...verifying, privateKey: await importPKCS8(text, verifying.algorithm) };
};

/**
 * Splits a text into public keys.
 * @param text concatenated SPKI PEMs, with line ends or the text `\n`, or a JWKS (RFC 7517)
 * @returns a function per key that imports it, so that the faults of all keys can be reported
 * @throws KeyFault when the text cannot be split into keys
 */
export const readPublicKeys = (text: string): (() => Promise<VerifyingKey>)[] =>
  text.trimStart().startsWith('{') ? readJwks(text) : readPems(withLineEnds(text));

const readPems = (text: string): (() => Promise<VerifyingKey>)[] => {
  const blocks = text.match(/-----BEGIN [A-Z0-9 ]+-----[\s\S]*?-----END [A-Z0-9 ]+-----/g);
  const leftover = text.replaceAll(/-----BEGIN [A-Z0-9 ]+-----[\s\S]*?-----END [A-Z0-9 ]+-----/g, '').trim();
  const malformed = 'must be an SPKI PEM (BEGIN PUBLIC KEY)';
  if (!blocks || leftover !== '') throw new KeyFault(`${malformed} or a JWKS`);
  return blocks.map((block) => async () => {
    if (!block.startsWith('-----BEGIN PUBLIC KEY-----')) throw new KeyFault(malformed);
    return verifyingKey(parsed(() => createPublicKey(block), malformed));
  });
};

const readJwks = (text: string): (() => Promise<VerifyingKey>)[] => {
  let keys: unknown;
  try {
    ({ keys } = JSON.parse(text) as { keys?: unknown });
  } catch {
    throw new KeyFault('is not valid JSON');
  }
  if (!Array.isArray(keys) || keys.length === 0) throw new KeyFault('must be a JWKS with at least one key');
  return keys.map((entry: unknown) => async () => {
    if (typeof entry !== 'object' || entry === null) throw new KeyFault('must be an object');
    const jwk = entry as JWK;
    if ('d' in jwk || 'k' in jwk) throw new KeyFault('holds private key material');
    if (jwk.kid !== undefined && (typeof jwk.kid !== 'string' || jwk.kid === '')) {
      throw new KeyFault('has a kid that is not a non-empty string');
    }
    const publicKey = parsed(() => createPublicKey({ key: jwk, format: 'jwk' }), 'is not a public JWK');
    if (jwk.alg !== undefined && jwk.alg !== algorithmOf(publicKey))
      throw new KeyFault('has an alg that is not its own');
    return verifyingKey(publicKey, jwk.kid);
  });
};

const withLineEnds = (pem: string): string =>
  pem
    .replaceAll(String.raw`\r`, '')
    .replaceAll(String.raw`\n`, '\n')
    .trim();
