import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { calculateJwkThumbprint, exportJWK } from 'jose';
import { loadKeyRing } from '#src/auth/keys/key-ring.ts';
import { rsaKeyPair } from '#testkit/rsa-keys.ts';
import { edPair, pemOf, ringOf } from '../setup.ts';

const first = rsaKeyPair('first');
const second = rsaKeyPair('second');
const ed = edPair();
const privateKeyPem = pemOf(first.privateKey);

test('a PEM is read with real and with escaped line ends, and its kid is the RFC 7638 thumbprint', async (t) => {
  const real = await ringOf({ privateKeyPem });
  const escaped = await ringOf({ privateKeyPem: privateKeyPem.replaceAll('\n', String.raw`\n`) });
  t.is(real.signing.id, await calculateJwkThumbprint(await exportJWK(first.publicKey)));
  t.is(escaped.signing.id, real.signing.id);
  t.deepEqual([...real.algorithms], ['RS256']);
});

test('further keys come as concatenated PEMs or as a JWKS, the signing key first and once', async (t) => {
  const pems = await ringOf({
    privateKeyPem,
    publicKeys: [first, second, ed].map(({ publicKey }) => pemOf(publicKey)).join(''),
  });
  const jwks = await ringOf({
    privateKeyPem,
    publicKeys: JSON.stringify({ keys: [second.publicKey, ed.publicKey].map((key) => key.export({ format: 'jwk' })) }),
  });
  t.deepEqual(pems.jwks, jwks.jwks);
  t.deepEqual(
    pems.jwks.keys.map(({ alg, use }) => [alg, use]),
    [
      ['RS256', 'sig'],
      ['RS256', 'sig'],
      ['EdDSA', 'sig'],
    ],
  );
  t.notRegex(JSON.stringify(pems.jwks), /"(d|p|q|dp|dq|qi|k)":/);
});

test('a JWKS entry keeps its own kid; an Ed25519 key may sign', async (t) => {
  const ring = await ringOf({
    privateKeyPem: pemOf(ed.privateKey),
    publicKeys: JSON.stringify({ keys: [{ ...second.publicKey.export({ format: 'jwk' }), kid: '2025-01' }] }),
  });
  t.is(ring.signing.algorithm, 'EdDSA');
  t.true(ring.verifying.has('2025-01'));
});

const jwksOf = (...keys: unknown[]) => JSON.stringify({ keys });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const small = rsaKeyPair('small', 1024);
const pkcs1 = first.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
const encrypted = first.privateKey
  .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
  .toString();

const badPrivate: [string, string | undefined, RegExp][] = [
  ['none in production', undefined, /^JWT_PRIVATE_KEY is required in production$/],
  ['no PEM', 'hunter2', /^JWT_PRIVATE_KEY must be an unencrypted PKCS#8 PEM/],
  ['a PEM cut short', privateKeyPem.slice(0, 400), /^JWT_PRIVATE_KEY must be an unencrypted PKCS#8 PEM/],
  ['PKCS#1', pkcs1, /^JWT_PRIVATE_KEY must be an unencrypted PKCS#8 PEM/],
  ['encrypted', encrypted, /^JWT_PRIVATE_KEY must be an unencrypted PKCS#8 PEM/],
  ['a public key', pemOf(first.publicKey), /^JWT_PRIVATE_KEY must be an unencrypted PKCS#8 PEM/],
  ['RSA of 1024 bits', pemOf(small.privateKey), /^JWT_PRIVATE_KEY is an RSA key of 1024 bits; at least 2048/],
  ['an EC key', pemOf(ec.privateKey), /^JWT_PRIVATE_KEY must be an RSA or Ed25519 key$/],
];
for (const [what, pem, fault] of badPrivate) {
  test(`private key: ${what} is a fault`, async (t) => {
    const { faults = [] } = await loadKeyRing({ privateKeyPem: pem, production: true });
    t.is(faults.length, 1);
    t.regex(faults[0]!, fault);
  });
}

const publicJwk = second.publicKey.export({ format: 'jwk' });
const badPublic: [string, string, RegExp][] = [
  ['no PEM and no JWKS', 'hunter2', /^JWT_PUBLIC_KEYS must be an SPKI PEM \(BEGIN PUBLIC KEY\) or a JWKS$/],
  ['text between PEMs', `${pemOf(ed.publicKey)}x`, /^JWT_PUBLIC_KEYS must be an SPKI PEM/],
  ['a private PEM', privateKeyPem, /^JWT_PUBLIC_KEYS key 1 holds private key material$/],
  ['broken JSON', '{"keys":', /^JWT_PUBLIC_KEYS is not valid JSON$/],
  ['an empty JWKS', '{"keys":[]}', /^JWT_PUBLIC_KEYS must be a JWKS with at least one key$/],
  ['an entry that is no object', jwksOf(3), /^JWT_PUBLIC_KEYS key 1 must be an object$/],
  ['a private JWK', jwksOf(second.privateKey.export({ format: 'jwk' })), /key 1 holds private key material$/],
  ['a symmetric JWK', jwksOf({ kty: 'oct', k: 'AAAA' }), /key 1 has the key type oct; RSA and OKP are used$/],
  ['a JWK without its material', jwksOf({ kty: 'RSA' }), /key 1 is not a public JWK$/],
  [
    'a JWK of another algorithm',
    jwksOf({ ...publicJwk, alg: 'PS256' }),
    /key 1 has alg PS256; RS256 is used with its key type$/,
  ],
  ['a kid of another type', jwksOf({ ...publicJwk, kid: 7 }), /key 1 has a kid that is not a non-empty string$/],
  ['RSA of 1024 bits', pemOf(small.publicKey), /key 1 is an RSA key of 1024 bits/],
  [
    'an RSA JWK with the exponent 1',
    jwksOf({ ...publicJwk, e: 'AQ' }),
    /key 1 is an RSA key with an unusable exponent$/,
  ],
];
for (const [what, publicKeys, fault] of badPublic) {
  test(`public keys: ${what} is a fault`, async (t) => {
    const { faults = [] } = await loadKeyRing({ privateKeyPem, publicKeys, production: true });
    t.is(faults.length, 1);
    t.regex(faults[0]!, fault);
  });
}

test('all faults are named at once and none shows key material', async (t) => {
  const { faults = [] } = await loadKeyRing({
    privateKeyPem: pemOf(small.privateKey),
    publicKeys: pemOf(small.publicKey) + pemOf(ec.publicKey),
    production: true,
  });
  t.deepEqual(
    faults.map((fault) => /^JWT_\w+(?: key \d)?/.exec(fault)?.[0]),
    ['JWT_PRIVATE_KEY', 'JWT_PUBLIC_KEYS key 1', 'JWT_PUBLIC_KEYS key 2'],
  );
  t.notRegex(faults.join(), /MII|BEGIN (?!P)/);
});

test('a key that is not for signatures is ignored beside a usable one, in PEMs too', async (t) => {
  const { keyRing, ignored } = await loadKeyRing({
    privateKeyPem,
    publicKeys: pemOf(small.publicKey) + pemOf(ed.publicKey) + pemOf(ec.publicKey),
    production: true,
  });
  t.deepEqual(
    keyRing?.jwks.keys.map(({ alg }) => alg),
    ['RS256', 'EdDSA'],
  );
  t.deepEqual(ignored, [
    { position: 1, reason: 'is an RSA key of 1024 bits; at least 2048 are needed' },
    { position: 3, reason: 'must be an RSA or Ed25519 key' },
  ]);
});

test('a private key among the public ones stops the start, also beside usable keys', async (t) => {
  const entry = second.privateKey.export({ format: 'jwk' });
  const texts = [jwksOf(publicJwk, entry), jwksOf({ ...entry, use: 'enc' }, publicJwk), pemOf(ed.publicKey) + pkcs1];
  for (const publicKeys of texts) {
    const { faults = [] } = await loadKeyRing({ privateKeyPem, publicKeys, production: true });
    t.is(faults.length, 1);
    t.regex(faults[0]!, /^JWT_PUBLIC_KEYS key [12] holds private key material$/);
  }
});

test('outside production a key is made once, for its owner only, also by several starts at once', async (t) => {
  const parent = await mkdtemp(join(tmpdir(), 'volwatch-keys-'));
  t.teardown(() => rm(parent, { recursive: true }));
  const directory = join(parent, 'state');
  const rings = await Promise.all([1, 2, 3].map(() => ringOf({ directory, production: false })));
  t.is(new Set(rings.map(({ signing }) => signing.id)).size, 1);
  t.is((await ringOf({ directory, production: false })).signing.id, rings[0]!.signing.id);
  t.deepEqual(await readdir(directory), ['jwt-signing-key.pem']);
  const path = join(directory, 'jwt-signing-key.pem');
  t.is((await stat(path)).mode & 0o777, 0o600);
  t.true((await readFile(path, 'utf8')).startsWith('-----BEGIN PRIVATE KEY-----'));

  await writeFile(path, 'rubbish');
  const { faults } = await loadKeyRing({ directory, production: false });
  t.is(faults?.length, 1);
});
