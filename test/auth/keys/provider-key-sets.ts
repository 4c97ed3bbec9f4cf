import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { rsaKeyPair } from '#testkit/rsa-keys.ts';

/** The key sets of well-known identity providers: the members and mix of keys are real, the keys are made here. */
export type ProviderKeySet = {
  readonly name: string;
  readonly jwks: { readonly keys: readonly Record<string, unknown>[] };
  /** Private keys of the entries that must verify tokens, by `kid`. */
  readonly signing: Readonly<Record<string, KeyObject>>;
  /** A key of the set that must not verify tokens, with its `kid`. */
  readonly refused?: { readonly kid: string; readonly privateKey: KeyObject };
  /** Positions of the ignored entries, from 1. */
  readonly ignored: readonly number[];
};

const one = rsaKeyPair('provider-one');
const two = rsaKeyPair('provider-two');
const three = rsaKeyPair('provider-three');
const ed = generateKeyPairSync('ed25519');
const x25519 = generateKeyPairSync('x25519');
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const jwkOf = ({ publicKey }: { readonly publicKey: KeyObject }) => publicKey.export({ format: 'jwk' });

/** Providers add the certificate and its digests. Their content is not read. */
const certificate = (name: string) => ({
  x5c: [Buffer.from(`certificate of ${name}`).toString('base64')],
  x5t: createHash('sha1').update(name).digest('base64url'),
});

const keycloak: ProviderKeySet = {
  name: 'Keycloak',
  jwks: {
    keys: [
      { kid: 'kc-enc', kty: 'RSA', alg: 'RSA-OAEP', use: 'enc', ...jwkOf(one), ...certificate('enc') },
      { kid: 'kc-sig', kty: 'RSA', alg: 'RS256', use: 'sig', ...jwkOf(two), ...certificate('sig') },
      { kid: 'kc-ps', alg: 'PS256', use: 'sig', ...jwkOf(three), ...certificate('ps') },
      { kid: 'kc-es', alg: 'ES256', use: 'sig', ...jwkOf(ec) },
      { kid: 'kc-ed', alg: 'EdDSA', use: 'sig', ...jwkOf(ed) },
      { kid: 'kc-ecdh', alg: 'ECDH-ES', use: 'enc', ...jwkOf(x25519) },
    ],
  },
  signing: { 'kc-sig': two.privateKey, 'kc-ed': ed.privateKey },
  refused: { kid: 'kc-enc', privateKey: one.privateKey },
  ignored: [1, 3, 4, 6],
};

const auth0: ProviderKeySet = {
  name: 'Auth0',
  jwks: {
    keys: [
      { alg: 'RS256', use: 'sig', ...jwkOf(one), kid: 'NkQ2RjA4', ...certificate('auth0') },
      { alg: 'RS256', use: 'sig', ...jwkOf(two), kid: 'next', ...certificate('auth0 next') },
      { alg: 'RSA-OAEP-256', use: 'enc', ...jwkOf(three), kid: 'jwe' },
    ],
  },
  signing: { NkQ2RjA4: one.privateKey, next: two.privateKey },
  refused: { kid: 'jwe', privateKey: three.privateKey },
  ignored: [3],
};

const azure: ProviderKeySet = {
  name: 'Azure AD',
  jwks: {
    keys: [one, two].map((pair, position) => ({
      kty: 'RSA',
      use: 'sig',
      kid: `azure-${position + 1}`,
      ...jwkOf(pair),
      ...certificate(`azure ${position}`),
      cloud_instance_name: 'microsoftonline.com',
      issuer: 'https://login.microsoftonline.com/{tenantid}/v2.0',
    })),
  },
  signing: { 'azure-1': one.privateKey, 'azure-2': two.privateKey },
  ignored: [],
};

const google: ProviderKeySet = {
  name: 'Google',
  jwks: {
    keys: [
      { use: 'sig', alg: 'RS256', kid: 'c8ab71530972bba20b49f78a09c9852c43ff9118', ...jwkOf(one) },
      { use: 'sig', alg: 'RS256', kid: 'b3e319c6f1f8c7a3', ...jwkOf(two) },
    ],
  },
  signing: { c8ab71530972bba20b49f78a09c9852c43ff9118: one.privateKey, b3e319c6f1f8c7a3: two.privateKey },
  ignored: [],
};

/** ForgeRock lists one RSA key once for each algorithm, with the same `kid`, and uses kids like `a/b+c=`. */
const forgeRock: ProviderKeySet = {
  name: 'ForgeRock',
  jwks: {
    keys: [
      ...['PS384', 'RS256', 'RS384', 'RS512', 'PS256'].map((alg) => ({
        kid: 'wU3ifIIaLOUAReRB/FG6eM1P1QM=',
        use: 'sig',
        alg,
        ...jwkOf(one),
        ...certificate('forgerock'),
      })),
      { kid: 'pZSfpEq8tQPeiIe3fnnaWnnr/Zc=', use: 'sig', alg: 'ES512', ...jwkOf(ec) },
      { kid: 'wU3ifIIaLOUAReRB/FG6eM1P1QM=', use: 'enc', alg: 'RSA-OAEP-256', ...jwkOf(two) },
      { kid: 'DkKMPE7hFVEn77WWhVuzaoFp4O8=', use: 'enc', alg: 'RSA1_5', ...jwkOf(three) },
      // Another key with the kid of the first one, as after a restore of an old key store.
      { kid: 'wU3ifIIaLOUAReRB/FG6eM1P1QM=', use: 'sig', alg: 'EdDSA', ...jwkOf(ed) },
    ],
  },
  signing: { 'wU3ifIIaLOUAReRB/FG6eM1P1QM=': one.privateKey },
  refused: { kid: 'wU3ifIIaLOUAReRB/FG6eM1P1QM=', privateKey: two.privateKey },
  ignored: [1, 3, 4, 5, 6, 7, 8],
};

/** Sets that declare the purpose in `key_ops`, as keys that WebCrypto exports do. */
const webCrypto: ProviderKeySet = {
  name: 'WebCrypto',
  jwks: {
    keys: [
      { kid: 'ops-verify', key_ops: ['verify'], ...jwkOf(one) },
      { kid: 'ops-encrypt', key_ops: ['encrypt', 'wrapKey'], ...jwkOf(two) },
      { kid: 'ops-none', key_ops: [], ...jwkOf(three) },
      { kid: 'ops-text', key_ops: 'verify', ...jwkOf(three) },
      { kid: 'symmetric', kty: 'oct', k: 'AAAA', alg: 'HS256' },
      { kid: 'future', kty: 'AKP', alg: 'ML-DSA-44', pub: 'AAAA' },
      { kty: 'RSA' },
    ],
  },
  signing: { 'ops-verify': one.privateKey },
  refused: { kid: 'ops-encrypt', privateKey: two.privateKey },
  ignored: [2, 3, 4, 5, 6, 7],
};

export const providerKeySets: readonly ProviderKeySet[] = [keycloak, auth0, azure, google, forgeRock, webCrypto];
/** The set of the provider with the largest number of key kinds. */
export const mixedKeySet = keycloak;
