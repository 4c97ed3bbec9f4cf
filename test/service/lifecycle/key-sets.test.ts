import { randomUUID } from 'node:crypto';
import test from 'ava';
import { craft } from '#test/auth/setup.ts';
import { mixedKeySet } from '#test/auth/keys/provider-key-sets.ts';
import { setupDatabase } from '#testkit/database.ts';
import { call, privateKeyPem, serve, temporaryDirectory } from '#testkit/running-service.ts';
import { startService } from '#testkit/service.ts';

const { jwks, signing, refused, ignored } = mixedKeySet;

test('a service with the key set of an identity provider accepts its tokens and logs the ignored keys once', async (t) => {
  const database = await setupDatabase(t);
  const service = await serve(t, {
    DATABASE_URL: database.url,
    JWT_PUBLIC_KEYS: JSON.stringify(jwks),
    // The users of the identity provider have no account here.
    JWT_FOREIGN_USERS: 'true',
  });
  await service.ready();

  const claims = {
    iss: 'https://volwatch.local',
    aud: 'volwatch-api',
    sub: randomUUID(),
    email: 'ada@example.org',
    role: 'analyst',
    scope: 'ml:read',
    jti: randomUUID(),
    iat: Math.floor(Date.now() / 1000) - 5,
    nbf: Math.floor(Date.now() / 1000) - 5,
    exp: Math.floor(Date.now() / 1000) + 600,
  };
  const me = (kid: string, key: Parameters<typeof craft>[2]) => {
    const alg = key!.asymmetricKeyType === 'ed25519' ? 'EdDSA' : 'RS256';
    const authorization = `Bearer ${craft({ alg, kid, typ: 'at+jwt' }, claims, key)}`;
    return call(`${service.url}/api/v1/auth/me`, { headers: { authorization } });
  };
  for (const [kid, key] of Object.entries(signing)) t.is((await me(kid, key)).body['subject'], claims.sub, kid);
  t.is((await me(refused!.kid, refused!.privateKey)).body['code'], 'token_key_unknown');

  const { body } = await call(`${service.url}/.well-known/jwks.json`);
  const published = (body['keys'] as { kid: string }[]).map(({ kid }) => kid);
  t.deepEqual(published.slice(1), Object.keys(signing));

  const lines = service.log.filter(({ message }) => /JWT_PUBLIC_KEYS/.test(message ?? ''));
  t.is(lines.length, 1);
  t.is(lines[0]!.level, 'warn');
  const logged = lines[0]!['ignored_keys'] as { position: number; reason: string }[];
  t.deepEqual(
    logged.map(({ position }) => position),
    ignored,
  );
  t.is(logged[0]!.reason, 'has use enc; sig is used');
});

test('a key set without a key for signatures stops the start with status 78 and the reason for each key', async (t) => {
  const keys = jwks.keys.filter((_, index) => ignored.includes(index + 1));
  const error = await t.throwsAsync(
    startService({
      environment: {
        JWT_PRIVATE_KEY: privateKeyPem,
        JWT_PUBLIC_KEYS: JSON.stringify({ keys }),
        VOLWATCH_DIRECTORY: temporaryDirectory(t),
      },
    }),
  );
  t.regex(error.message, /\(78\)/);
  for (const position of ignored.keys()) t.regex(error.message, new RegExp(`JWT_PUBLIC_KEYS key ${position + 1} has `));
});
