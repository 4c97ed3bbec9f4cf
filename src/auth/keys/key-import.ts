import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, importJWK, importPKCS8, type CryptoKey } from 'jose';
import { KeyFault, PrivateKeyFault } from './key-fault.ts';
import { keySetEntries, shown, signatureKeyEntry } from './key-set.ts';
import type { SigningAlgorithm, SigningKey, VerifyingKey } from './signing-key.ts';

/** Smaller RSA moduli are refused (NIST SP 800-131A). */
const minRsaBits = 2048;

const algorithmOf = (key: KeyObject): SigningAlgorithm => {
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA';
  if (key.asymmetricKeyType !== 'rsa') throw new KeyFault('must be an RSA or Ed25519 key');
  const { modulusLength: bits = 0, publicExponent: exponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (bits < minRsaBits) throw new KeyFault(`is an RSA key of ${bits} bits; at least ${minRsaBits} are needed`);
  // Anybody can forge signatures of a key with the exponent 1.
  if (exponent < 3n || exponent % 2n === 0n) throw new KeyFault('is an RSA key with an unusable exponent');
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
 * @returns a function per key that imports it or throws KeyFault, so that an unusable key does not hide the others
 * @throws KeyFault when the text cannot be split into keys
 */
export const readPublicKeys = (text: string): (() => Promise<VerifyingKey>)[] =>
  text.trimStart().startsWith('{')
    ? keySetEntries(text).map((entry) => () => importEntry(entry))
    : splitPems(withLineEnds(text)).map((block) => () => importPem(block));

const malformedPem = 'must be an SPKI PEM (BEGIN PUBLIC KEY)';

const splitPems = (text: string): readonly string[] => {
  const blocks = text.match(/-----BEGIN [A-Z0-9 ]+-----[\s\S]*?-----END [A-Z0-9 ]+-----/g);
  const leftover = text.replaceAll(/-----BEGIN [A-Z0-9 ]+-----[\s\S]*?-----END [A-Z0-9 ]+-----/g, '').trim();
  if (!blocks || leftover !== '') throw new KeyFault(`${malformedPem} or a JWKS`);
  return blocks;
};

const importPem = async (block: string): Promise<VerifyingKey> => {
  if (/^-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(block)) throw new PrivateKeyFault();
  if (!block.startsWith('-----BEGIN PUBLIC KEY-----')) throw new KeyFault(malformedPem);
  return verifyingKey(parsed(() => createPublicKey(block), malformedPem));
};

const importEntry = async (entry: unknown): Promise<VerifyingKey> => {
  const jwk = signatureKeyEntry(entry);
  const publicKey = parsed(() => createPublicKey({ key: jwk, format: 'jwk' }), 'is not a public JWK');
  const algorithm = algorithmOf(publicKey);
  if (jwk.alg !== undefined && jwk.alg !== algorithm) {
    throw new KeyFault(`has alg ${shown(jwk.alg)}; ${algorithm} is used with its key type`);
  }
  return verifyingKey(publicKey, jwk.kid);
};

const withLineEnds = (pem: string): string =>
  pem
    .replaceAll(String.raw`\r`, '')
    .replaceAll(String.raw`\n`, '\n')
    .trim();
