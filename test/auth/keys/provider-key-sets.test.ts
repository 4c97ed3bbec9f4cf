import test from 'ava';
import { loadKeyRing } from '#src/auth/keys/key-ring.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import { craft, enhancedClaims, keys, pemOf, setup } from '../setup.ts';
import { providerKeySets } from './provider-key-sets.ts';

for (const { name, jwks, signing, refused, ignored } of providerKeySets) {
  test(`the key set of ${name} is accepted, and only its keys for signatures verify tokens and are published`, async (t) => {
    const loaded = await loadKeyRing({
      privateKeyPem: pemOf(keys.signing.privateKey),
      publicKeys: JSON.stringify(jwks),
      production: true,
    });
    t.deepEqual(loaded.faults, undefined);
    const keyRing = loaded.keyRing!;
    t.deepEqual(
      loaded.ignored!.map(({ position }) => position),
      ignored,
    );
    t.notRegex(JSON.stringify(loaded.ignored), /"(?:n|x|k|e)":|[\w-]{41}/, 'no key material');

    const { show } = setup({ keyRing });
    const tokenOf = (kid: string, key: Parameters<typeof craft>[2]) =>
      `Bearer ${craft({ alg: key!.asymmetricKeyType === 'ed25519' ? 'EdDSA' : 'RS256', kid, typ: 'at+jwt' }, enhancedClaims, key)}`;
    for (const [kid, privateKey] of Object.entries(signing)) {
      t.is((await show(tokenOf(kid, privateKey)))?.subject, 'user-7', kid);
      t.true(
        keyRing.jwks.keys.some((key) => key.kid === kid && key.use === 'sig'),
        kid,
      );
    }
    if (refused) {
      const error: unknown = await t.throwsAsync(show(tokenOf(refused.kid, refused.privateKey)));
      t.regex(codeOf(error) ?? '', /^token_(?:key_unknown|signature_invalid)$/);
      const material = refused.privateKey.export({ format: 'jwk' });
      t.false(keyRing.jwks.keys.some(({ n }) => n === material.n));
    }
  });
}

test('two keys with one kid both verify tokens', async (t) => {
  const forgeRock = providerKeySets.find(({ name }) => name === 'ForgeRock')!;
  const { keyRing } = await loadKeyRing({
    privateKeyPem: pemOf(keys.signing.privateKey),
    publicKeys: JSON.stringify({
      keys: [
        { ...keys.stranger.publicKey.export({ format: 'jwk' }), kid: 'same' },
        { ...keys.further.publicKey.export({ format: 'jwk' }), kid: 'same' },
        { ...forgeRock.jwks.keys[1], kid: 'same' },
      ],
    }),
    production: true,
  });
  const { show } = setup({ keyRing: keyRing! });
  const pairs = [
    ['RS256', keys.stranger.privateKey],
    ['EdDSA', keys.further.privateKey],
    ['RS256', Object.values(forgeRock.signing)[0]!],
  ] as const;
  for (const [alg, key] of pairs) {
    t.is((await show(`Bearer ${craft({ alg, kid: 'same', typ: 'at+jwt' }, enhancedClaims, key)}`))?.subject, 'user-7');
  }
});
