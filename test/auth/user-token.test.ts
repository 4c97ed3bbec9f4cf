import test from 'ava';
import { derivedSecret } from '#src/auth/keys/derived-secret.ts';
import { ada, signedIn, startRoom } from './room.ts';
import { keys, pemOf, ringOf } from './setup.ts';

test('a user token carries the address and the role of its owner, and nothing else that is personal', async (t) => {
  const room = await startRoom(t);
  const { access: token } = await signedIn(room);
  const payload = Buffer.from(token.split('.')[1]!, 'base64url').toString();
  const claims = JSON.parse(payload) as Record<string, unknown>;
  t.is(claims['email'], ada.email);
  t.is(claims['role'], 'user');
  const technical = new Set(['iss', 'aud', 'sub', 'jti', 'iat', 'nbf', 'exp', 'scope', 'client_id']);
  t.deepEqual(
    Object.keys(claims).filter((name) => !technical.has(name)),
    ['email', 'role'],
  );
});

test('secrets that derive from the signing key differ by purpose', async (t) => {
  const { signing } = await ringOf({ privateKeyPem: pemOf(keys.signing.privateKey) });
  const [first, again, other] = await Promise.all(
    ['cursor', 'cursor', 'csrf'].map((purpose) => derivedSecret(signing, purpose)),
  );
  t.deepEqual(first, again);
  t.notDeepEqual(first, other);
  t.is(first?.byteLength, 32);
});
