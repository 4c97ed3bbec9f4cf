import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type RsaPair = { readonly privateKey: KeyObject; readonly publicKey: KeyObject };

/** @returns PKCS #8 */
const generatePem = (bits: number): string =>
  generateKeyPairSync('rsa', {
    modulusLength: bits,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  }).privateKey;

/**
 * An RSA key with this name, the same one in each process of a test run, because generating one takes a few hundred
 * milliseconds of processor time. Outside a test run (TEST_KEYS_DIRECTORY is not set) each process has its own key.
 * @returns PKCS #8 PEM
 */
export const rsaKeyPem = (name: string, bits = 2048): string => {
  const directory = process.env['TEST_KEYS_DIRECTORY'];
  if (!directory) return generatePem(bits);
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${name}-${bits}.pem`);
  if (!existsSync(file)) {
    const own = `${file}.${process.pid}`;
    writeFileSync(own, generatePem(bits), { mode: 0o600 });
    try {
      // Fails if another process has stored its key since the check. That key is then the key of the run.
      linkSync(own, file);
    } catch {
      if (!existsSync(file)) throw new Error(`${file} cannot be written`);
    }
  }
  return readFileSync(file, 'utf8');
};

/** {@link rsaKeyPem} as a pair of keys. */
export const rsaKeyPair = (name: string, bits?: number): RsaPair => {
  const privateKey = createPrivateKey(rsaKeyPem(name, bits));
  return { privateKey, publicKey: createPublicKey(privateKey) };
};
