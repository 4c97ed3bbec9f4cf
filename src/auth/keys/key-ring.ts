import { developmentKey, developmentKeyPath } from './development-key.ts';
import { KeyFault, PrivateKeyFault } from './key-fault.ts';
import { importSigningKey, readPublicKeys } from './key-import.ts';
import type { PublicJwk, SigningKey, VerifyingKey } from './signing-key.ts';

export type KeyRing = {
  readonly signing: SigningKey;
  /** Public keys by `kid`, with the public key of the signing key. Several keys of a JWKS can have the same `kid`. */
  readonly verifying: ReadonlyMap<string, readonly VerifyingKey[]>;
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

/** A key of `JWT_PUBLIC_KEYS` that is not used. It can be logged, because it contains no key material. */
type IgnoredKey = {
  /** Position in the text, from 1. */
  readonly position: number;
  readonly reason: string;
};

export type KeyRingResult =
  | { readonly keyRing: KeyRing; readonly ignored: readonly IgnoredKey[]; readonly faults?: never }
  | { readonly keyRing?: never; readonly ignored?: never; readonly faults: readonly string[] };

/**
 * Loads all keys. Keys of `JWT_PUBLIC_KEYS` that cannot verify RS256 or EdDSA signatures are ignored, because the key sets
 * of identity providers contain keys for other purposes. They are a fault when no other key is left.
 * @returns the ring, or all faults. A fault names the variable and never its value
 */
export const loadKeyRing = async (options: KeyRingOptions): Promise<KeyRingResult> => {
  const faults: string[] = [];
  const signing = await readSigningKey(options, faults);
  const { usable, ignored } = await readVerifyingKeys(options.publicKeys, faults);
  if (!signing || faults.length > 0) return { faults };
  const keys = withoutRepetitions([signing, ...usable]);
  return {
    keyRing: {
      signing,
      verifying: Map.groupBy(keys, ({ id }) => id),
      algorithms: new Set(keys.map(({ algorithm }) => algorithm)),
      jwks: { keys: keys.map(({ jwk }) => jwk) },
    },
    ignored,
  };
};

/** What the operator must change if the signing key is wrong. */
const signingKeyName = ({ privateKeyPem: pem, directory, production }: KeyRingOptions): string =>
  pem === undefined && directory !== undefined && !production
    ? `${developmentKeyPath(directory)} (delete it, and the next start makes a new key)`
    : 'JWT_PRIVATE_KEY';

const readSigningKey = async (options: KeyRingOptions, faults: string[]): Promise<SigningKey | undefined> => {
  try {
    return await importSigningKey(await privateKeyPem(options));
  } catch (error) {
    faults.push(`${signingKeyName(options)} ${reasonOf(error)}`);
    return undefined;
  }
};

type VerifyingKeys = { readonly usable: readonly VerifyingKey[]; readonly ignored: readonly IgnoredKey[] };

const readVerifyingKeys = async (text: string | undefined, faults: string[]): Promise<VerifyingKeys> => {
  const usable: VerifyingKey[] = [];
  const ignored: IgnoredKey[] = [];
  for (const [index, load] of splitKeys(text, faults).entries()) {
    const position = index + 1;
    try {
      usable.push(await load());
    } catch (error) {
      const reason = reasonOf(error);
      if (error instanceof PrivateKeyFault) faults.push(`JWT_PUBLIC_KEYS key ${position} ${reason}`);
      else ignored.push({ position, reason });
    }
  }
  if (usable.length === 0)
    faults.push(...ignored.map(({ position, reason }) => `JWT_PUBLIC_KEYS key ${position} ${reason}`));
  return { usable, ignored };
};

const splitKeys = (text: string | undefined, faults: string[]): (() => Promise<VerifyingKey>)[] => {
  try {
    return text === undefined ? [] : readPublicKeys(text);
  } catch (error) {
    faults.push(`JWT_PUBLIC_KEYS ${reasonOf(error)}`);
    return [];
  }
};

/** The message of a KeyFault. Any other error is thrown again. */
const reasonOf = (error: unknown): string => {
  if (error instanceof KeyFault) return error.message;
  throw error;
};

/** An identity provider can list one key several times, for example once for each algorithm. */
const withoutRepetitions = (keys: readonly VerifyingKey[]): readonly VerifyingKey[] =>
  keys.filter(
    ({ id, thumbprint }, position) =>
      keys.findIndex((other) => other.id === id && other.thumbprint === thumbprint) === position,
  );

const privateKeyPem = async (options: KeyRingOptions): Promise<string> => {
  if (options.privateKeyPem !== undefined) return options.privateKeyPem;
  if (options.production || options.directory === undefined) throw new KeyFault('is required in production');
  return developmentKey(options.directory);
};
