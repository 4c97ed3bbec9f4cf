import { developmentKey, developmentKeyPath } from './development-key.ts';
import { importSigningKey, KeyFault, readPublicKeys } from './key-import.ts';
import type { PublicJwk, SigningKey, VerifyingKey } from './signing-key.ts';

export type KeyRing = {
  readonly signing: SigningKey;
  /** Public keys by `kid`, with the public key of the signing key. */
  readonly verifying: ReadonlyMap<string, VerifyingKey>;
  /** Algorithms of the keys in the ring. A token must have one of them. */
  readonly algorithms: ReadonlySet<string>;
  /** The JWKS (RFC 7517), signing key first. */
  readonly jwks: { readonly keys: readonly PublicJwk[] };
};

export type KeyRingOptions = {
  /** `JWT_PRIVATE_KEY`: PKCS#8 PEM. */
  readonly privateKeyPem?: string | undefined;
  /** `JWT_PUBLIC_KEYS`: concatenated SPKI PEMs or a JWKS. */
  readonly publicKeys?: string | undefined;
  /** Directory of the development key, which is used without `privateKeyPem` outside production. */
  readonly directory?: string | undefined;
  readonly production: boolean;
};

export type KeyRingResult =
  | { readonly keyRing: KeyRing; readonly faults?: never }
  | { readonly keyRing?: never; readonly faults: readonly string[] };

/** Loads all keys. @returns the ring, or all faults. A fault names the variable and never its value */
export const loadKeyRing = async (options: KeyRingOptions): Promise<KeyRingResult> => {
  const faults: string[] = [];
  const attempt = async <T>(name: string, work: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof KeyFault)) throw error;
      faults.push(`${name} ${error.message}`);
      return undefined;
    }
  };

  const isDeveloped = options.privateKeyPem === undefined && options.directory !== undefined && !options.production;
  const signingName = isDeveloped
    ? `${developmentKeyPath(options.directory)} (delete it, and the next start makes a new key)`
    : 'JWT_PRIVATE_KEY';
  const signing = await attempt(signingName, async () => importSigningKey(await privateKeyPem(options)));
  const verifying = new Map<string, VerifyingKey>();
  if (signing) verifying.set(signing.id, signing);

  const { publicKeys } = options;
  const imports = (publicKeys && (await attempt('JWT_PUBLIC_KEYS', () => readPublicKeys(publicKeys)))) || [];
  for (const [position, load] of imports.entries()) {
    const name = `JWT_PUBLIC_KEYS key ${position + 1}`;
    const key = await attempt(name, load);
    if (!key) continue;
    const same = verifying.get(key.id);
    if (!same) verifying.set(key.id, key);
    else if (same.thumbprint !== key.thumbprint) faults.push(`${name} has the kid of another key`);
  }

  if (!signing || faults.length > 0) return { faults };
  const keys = [...verifying.values()];
  return {
    keyRing: {
      signing,
      verifying,
      algorithms: new Set(keys.map(({ algorithm }) => algorithm)),
      jwks: { keys: keys.map(({ jwk }) => jwk) },
    },
  };
};

const privateKeyPem = async (options: KeyRingOptions): Promise<string> => {
  if (options.privateKeyPem !== undefined) return options.privateKeyPem;
  if (options.production || options.directory === undefined) throw new KeyFault('is required in production');
  return developmentKey(options.directory);
};
