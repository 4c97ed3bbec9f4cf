import test from 'ava';
import { auditActions, bearer, openSession, refresh, signedIn, startRoom, type Answer, type Room } from '../room.ts';
import { eventually } from '#testkit/eventually.ts';
import { clientClaims, craft, enhancedClaims, goodHeader, keys, legacyClaims } from '../setup.ts';

/** The owner is read at each request, so that no test waits for a cached answer. */
const uncached = { settings: { ownerCacheMs: 0 } };

const inUse = () => {
  const seconds = Math.floor(Date.now() / 1000);
  return { iat: seconds - 5, nbf: seconds - 5, exp: seconds + 600 };
};
const signed = (claims: object, header: object = goodHeader) =>
  bearer(craft(header, { ...claims, ...inUse() }, keys.signing.privateKey));

const clientToken = async (room: Room, id = 'desk', secret = 'bootstrap secret') => {
  const { body } = await room.form('/auth/token', {
    grant_type: 'client_credentials',
    client_id: id,
    client_secret: secret,
  });
  return bearer(body['access_token']);
};
const newKey = async (room: Room, owner: Record<string, string>, scopes: readonly string[] = ['ml:read']) => {
  const answer = await room.json('/api-keys', { name: 'nightly', scopes }, owner);
  return { ...answer, header: { 'X-API-Key': String(answer.body['key']) } };
};

/** Every credential that a user can have. */
const everything = async (room: Room) => {
  const { access, refresh: refreshToken } = await signedIn(room);
  const key = await newKey(room, bearer(access));
  const { cookie } = await openSession(room);
  const [user] = await room.stored.query('select id from user_account');
  const id = String(user?.['id']);
  const legacy = signed({ ...legacyClaims, id }, { alg: 'RS256' });
  return { id, access: bearer(access), legacy, key: key.header, session: { cookie }, refreshToken };
};

const assertGone = (t: { is: (a: unknown, b: unknown, c?: string) => boolean }, what: string, answer: Answer): void => {
  t.is(answer.status, 401, what);
  t.is(answer.body['code'], 'credential_owner_gone', what);
  t.is(answer.body['category'], 'authentication', what);
};

test('no credential of a user works after his row is deleted', async (t) => {
  const refused: (string | undefined)[] = [];
  const abuse = { refused: (kind: string) => void refused.push(kind) };
  const room = await startRoom(t, { ...uncached, abuse });
  const user = await everything(room);
  for (const [what, shown] of Object.entries({ access: user.access, legacy: user.legacy, key: user.key })) {
    t.is((await room.me(shown)).status, 200, what);
  }
  await room.stored.query('delete from user_account');

  assertGone(t, 'access token', await room.me(user.access));
  assertGone(t, 'legacy token', await room.me(user.legacy));
  assertGone(t, 'API key', await room.me(user.key));
  t.is((await room.me(user.session)).status, 401);
  t.like((await refresh(room, user.refreshToken)).body, { error: 'invalid_grant' });
  t.is((await room.json('/api-keys', { name: 'k', scopes: [] }, user.access)).status, 401);
  t.is(room.metrics.value('volwatch_auth_failures_total', { reason: 'credential_owner_gone' }), 4);
  t.deepEqual(new Set(refused), new Set(['credential_without_owner']));
  t.true((await auditActions(room)).includes('api_key.refused'));
});

test('the challenge of a refused credential is that of its kind', async (t) => {
  const room = await startRoom(t, uncached);
  const user = await everything(room);
  await room.stored.query('delete from user_account');
  t.regex((await room.me(user.access)).headers.get('www-authenticate') ?? '', /^Bearer error="invalid_token"/);
  t.is((await room.me(user.key)).headers.get('www-authenticate'), 'ApiKey realm="volwatch"');
});

test('a credential acts with what its owner holds now, whatever its kind', async (t) => {
  const room = await startRoom(t, uncached);
  await room.json('/auth/register', { email: 'ada@example.org', password: 'a rather long sentence' });
  await room.stored.query(`update user_account set scopes = '{ml:read,market:refresh}'`);
  const user = await everything(room);
  t.deepEqual((await room.me(user.access)).body['scopes'], ['market:refresh', 'ml:read']);
  await room.stored.query(`update user_account set scopes = '{market:refresh}'`);
  t.deepEqual((await room.me(user.access)).body['scopes'], ['market:refresh']);
  t.deepEqual((await room.me(user.legacy)).body['scopes'], ['market:refresh']);
  t.deepEqual((await room.me(user.session)).body['scopes'], ['market:refresh']);
  t.deepEqual((await room.me(user.key)).body['scopes'], []);
});

test('tokens and keys of the bootstrap client end when it leaves the configuration', async (t) => {
  const room = await startRoom(t, uncached);
  const token = await clientToken(room);
  const key = await newKey(room, token, ['market:refresh']);
  t.is((await room.me(key.header)).status, 200);
  const without = await startRoom(t, { beside: room, bootstrap: undefined, ...uncached });
  assertGone(t, 'token', await without.me(token));
  assertGone(t, 'key', await without.me(key.header));
});

test('tokens and keys of a client end when it is revoked or deleted', async (t) => {
  const room = await startRoom(t, uncached);
  await room.stored.query(`insert into oauth_client values ('partner', 'p', 'x', '{ml:read}', now(), null, null)`);
  const token = signed({ ...clientClaims, sub: 'partner' });
  const key = await newKey(room, token);
  t.deepEqual((await room.me(token)).body['scopes'], ['ml:read'], 'the token claims market:refresh too');
  await room.stored.query('update oauth_client set revoked_at = now()');
  assertGone(t, 'token', await room.me(token));
  assertGone(t, 'key', await room.me(key.header));
  await room.stored.query('delete from oauth_client');
  assertGone(t, 'key of a deleted client', await room.me(key.header));
});

const foreignIds = ['user-7', '42', '------------------------------------', '018f0000-0000-7000-8000-000000000000'];
for (const id of foreignIds) {
  test(`a user that never had an account here is accepted by token and owns nothing that outlives it: ${id}`, async (t) => {
    const room = await startRoom(t, uncached);
    for (const token of [
      signed({ ...legacyClaims, id }, { alg: 'RS256' }),
      signed({ ...enhancedClaims, sub: id, jti: `token of ${id}` }),
    ]) {
      t.like((await room.me(token)).body, { subject: id, scopes: ['market:refresh', 'ml:read'] });
      const made = await newKey(room, token);
      t.is(made.status, 403);
      t.is(made.body['code'], 'scope_insufficient');
      t.is((await room.call('/api-keys', { headers: token })).status, 200);
      t.is((await room.call('/auth/logout', { method: 'POST', headers: token })).status, 204);
    }
    const strict = await startRoom(t, { beside: room, settings: { ownerCacheMs: 0, foreignUsers: false } });
    const refused = await strict.me(signed({ ...legacyClaims, id, jti: 'another' }, { alg: 'RS256' }));
    t.like(refused, { status: 401, body: { code: 'token_user_unknown', category: 'authentication' } });
  });
}

test('a key whose owner never had an account holds nothing, also when its owner is no UUID', async (t) => {
  const room = await startRoom(t, uncached);
  const key = await newKey(room, bearer((await signedIn(room)).access));
  for (const id of foreignIds) {
    await room.stored.query('update api_key set owner_id = $1', [id]);
    assertGone(t, id, await room.me(key.header));
  }
});

test('the owner is read once in a while, not with each request, and a deletion takes effect within that time', async (t) => {
  const room = await startRoom(t, { settings: { ownerCacheMs: 300 } });
  const { access } = await signedIn(room);
  const statements = () =>
    room.metrics.value('db_client_operation_duration_seconds', { db_collection_name: 'user_account' });
  t.is((await room.me(bearer(access))).status, 200);
  const before = statements();
  const began = performance.now();
  for (let request = 0; request < 20; request += 1) await room.me(bearer(access));
  const windows = 1 + Math.ceil((performance.now() - began) / 300);
  t.true(statements() - before <= windows, `${statements() - before} look-ups in ${windows} windows`);
  await room.stored.query('delete from user_account');
  await eventually(async () => (await room.me(bearer(access))).status !== 200, 'the cached owner has expired');
  assertGone(t, 'after the cached time', await room.me(bearer(access)));
});

test('days that do not exist are refused as invalid and are not a 500', async (t) => {
  const room = await startRoom(t);
  const { access } = await signedIn(room);
  for (const query of ['from=0000-01-01', 'to=0000-12-31', 'from=0999-12-31']) {
    const { status, body } = await room.call(`/api-keys?${query}`, { headers: bearer(access) });
    t.is(status, 422, query);
    t.is(body['code'], 'validation_failed', query);
  }
});
