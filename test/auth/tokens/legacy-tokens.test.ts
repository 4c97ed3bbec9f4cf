import test from 'ava';
import { ada, bearer, signedIn, startRoom, type Room } from '../room.ts';
import { craft, enhancedClaims, goodHeader, keys, legacyClaims } from '../setup.ts';

const strict = { settings: { ownerCacheMs: 0, foreignUsers: false } };
const missing = '018f0000-0000-7000-8000-00000000000c';
const exp = Math.floor(Date.now() / 1000) + 600;

/** A token with a header that has only the algorithm, and with no other claims than these and the required ones. */
const bare = (claims: object) => {
  const { iss, aud, role } = legacyClaims;
  return bearer(craft({ alg: 'RS256' }, { iss, aud, role, exp, ...claims }, keys.signing.privateKey));
};

/** A user with an account here, who had the id 7 in the earlier system. */
const userOf = async (room: Room) => {
  const { access } = await signedIn(room);
  const [user] = await room.stored.query(`update user_account set legacy_id = 7 returning id, email, scopes`);
  return { access, id: String(user?.['id']), email: String(user?.['email']), scopes: user?.['scopes'] };
};
const shapeCount = (room: Room, shape: string): number =>
  room.metrics.value('volwatch_auth_legacy_tokens_total', { shape });

test('each shape of a token of the earlier system leads to the account of its user, and is counted', async (t) => {
  const room = await startRoom(t, strict);
  const { access, id, email, scopes } = await userOf(room);
  const own = (await room.me(bearer(access))).body;
  for (const [shape, claims] of [
    ['email_integer_id', { sub: email, id: 7 }],
    ['email_text_id', { sub: email.toUpperCase(), id: '7' }],
    ['email_text_id', { sub: email, id }],
    ['id_integer', { sub: '7', id: 7 }],
    ['id_integer', { sub: 7, id: 7 }],
    ['id_text', { sub: '7', id: '7' }],
    ['id_text', { sub: id, id }],
  ] as const) {
    const before = shapeCount(room, shape);
    const { status, body } = await room.me(bare(claims));
    t.is(status, 200, JSON.stringify(claims));
    t.like(body, { subject: own['subject'], kind: 'user', token_format: 'legacy', scopes });
    t.is(String(body['email']).toLowerCase(), email);
    t.is(shapeCount(room, shape), before + 1, shape);
  }
  for (const lacks of ['typ', 'jti', 'iat', 'nbf', 'scope'] as const) {
    t.is(room.metrics.value('volwatch_auth_legacy_omissions_total', { lacks }), 7, lacks);
  }
  t.is(room.metrics.value('volwatch_auth_tokens_total', { format: 'legacy' }), 7);
});

test('a scope in the token limits the caller, also an empty one, and the account limits the token', async (t) => {
  const room = await startRoom(t, strict);
  const { email } = await userOf(room);
  const scopesOf = async (scope: string) => (await room.me(bare({ sub: email, id: 7, scope }))).body['scopes'];
  t.deepEqual(await scopesOf(''), []);
  t.deepEqual(await scopesOf('ml:read users:admin'), ['ml:read']);
});

test('signature, audience, issuer and expiry of such a token must be right', async (t) => {
  const room = await startRoom(t, strict);
  const { email } = await userOf(room);
  const claims = { sub: email, id: 7 };
  for (const [code, changes] of [
    ['token_audience_mismatch', { aud: 'other' }],
    ['token_issuer_mismatch', { iss: 'https://evil.test' }],
    ['token_expired', { exp: exp - 3_600 }],
    ['token_claim_missing', { exp: undefined }],
    ['token_claim_missing', { role: undefined }],
  ] as const) {
    t.like(await room.me(bare({ ...claims, ...changes })), { status: 401, body: { code } });
  }
  const { iss, aud, role } = legacyClaims;
  const stranger = craft({ alg: 'RS256' }, { iss, aud, role, exp, ...claims }, keys.stranger.privateKey);
  t.like(await room.me(bearer(stranger)), { status: 401, body: { code: 'token_signature_invalid' } });
});

test('a token of a user without an account here gets 401 with its own reason', async (t) => {
  const room = await startRoom(t, strict);
  const { email } = await userOf(room);
  const unknown = [
    bare({ sub: 'eve@example.org', id: 8 }),
    bare({ sub: '8', id: 8 }),
    bare({ sub: 'user-8', id: 'user-8' }),
    // The account with this address has another id in the earlier system, so it may belong to somebody else.
    bare({ sub: email, id: 8 }),
    bearer(
      craft(
        goodHeader,
        { ...enhancedClaims, iat: exp - 700, nbf: exp - 700, exp, sub: missing },
        keys.signing.privateKey,
      ),
    ),
  ];
  for (const [index, token] of unknown.entries()) {
    const { status, body, headers } = await room.me(token);
    t.is(status, 401, String(index));
    t.like(body, { code: 'token_user_unknown', detail: 'Invalid or expired token: UnknownUserError' });
    t.regex(headers.get('www-authenticate') ?? '', /error="invalid_token"/);
  }
  t.is(room.metrics.value('volwatch_auth_failures_total', { reason: 'token_user_unknown' }), unknown.length);
});

test('an account without an id of the earlier system is found by its address', async (t) => {
  const room = await startRoom(t, strict);
  const { email, id } = await userOf(room);
  await room.stored.query('update user_account set legacy_id = null');
  t.like((await room.me(bare({ sub: email, id: 7 }))).body, { subject: id });
});

test('the first use of an account by a token of the earlier system counts as a sign-in', async (t) => {
  const room = await startRoom(t, { settings: { ...strict.settings, maxUsersWithoutSignIn: 1 } });
  const register = (name: string, address: string) =>
    room.json('/auth/register', { ...ada, email: `${name}@example.org` }, { 'X-Forwarded-For': address });
  await register('ada', '192.0.2.1');
  const token = () => bare({ sub: 'ada@example.org', id: 'a text', iat: Math.floor(Date.now() / 1000) });
  const signedInAt = async () =>
    (await room.stored.query('select first_signed_in_at as at from user_account')).map(({ at }) => at);
  t.deepEqual(await signedInAt(), [null]);
  const uses = await Promise.all([1, 2, 3].map(() => room.me(token())));
  t.true(uses.every(({ status }) => status === 200));
  const [first] = await signedInAt();
  t.truthy(first);
  room.advance(60);
  t.is((await room.me(token())).status, 200);
  t.deepEqual(await signedInAt(), [first], 'the first use is written once');
  t.is((await register('bob', '192.0.2.1')).status, 202, 'the account takes no place of unused ones');
  t.is((await register('eve', '192.0.2.1')).status, 429);
});

test('where addresses must be verified, the address of a token finds only an account whose address is', async (t) => {
  const room = await startRoom(t, { settings: { ...strict.settings, verificationRequired: true } });
  await room.json('/auth/register', { email: 'ada@example.org', password: 'chosen by somebody else' });
  const shown = () => room.me(bare({ sub: 'ada@example.org', id: 8 }));
  t.like((await shown()).body, { code: 'token_user_unknown' });
  await room.stored.query('update user_account set email_verified_at = now()');
  t.is((await shown()).status, 200);
  // An id of the earlier system was written by an operator, so it needs no other proof.
  await room.stored.query('update user_account set email_verified_at = null, legacy_id = 8');
  t.is((await shown()).status, 200);
});

test('a token finds no account by address that is younger than the token, or whose id belongs to an owner who was deleted', async (t) => {
  const room = await startRoom(t, strict);
  const { email, id } = await userOf(room);
  const iat = Math.floor(Date.now() / 1000);
  const tokens = () => [
    { sub: email, id: 7, iat: iat - 60 },
    { sub: email, id: 7 },
    { sub: email, id, iat },
    { sub: email, id },
  ];
  for (const claims of tokens()) t.is((await room.me(bare(claims))).status, 200, JSON.stringify(claims));
  await room.stored.query('delete from user_account');
  await room.json('/auth/register', { email, password: 'the next person of this address' });
  for (const claims of tokens()) t.is((await room.me(bare(claims))).status, 401, JSON.stringify(claims));
  t.is(
    (await room.me(bare({ sub: email, id: 8, iat: iat - 60 }))).status,
    401,
    'of somebody who had the address before',
  );
  t.is((await room.me(bare({ sub: email, id: 8, iat: -1e11 }))).status, 401);
  t.is((await room.me(bare({ sub: email, id: 8, iat: iat + 2 }))).status, 200, 'of the new person');
  await room.stored.query(`update user_account set email_since = now() + interval '1 minute'`);
  t.is(
    (await room.me(bare({ sub: email, id: 8, iat: iat + 2 }))).status,
    401,
    'of who had the address before a change',
  );
});

test('a change of the password and the end of all other sign-ins end tokens of the earlier system', async (t) => {
  const room = await startRoom(t, strict);
  const { access, email } = await userOf(room);
  const iat = Math.floor(Date.now() / 1000);
  const [old, undated, kept] = [
    bare({ sub: email, id: 7, iat: iat - 60 }),
    bare({ sub: email, id: 7 }),
    bearer(access),
  ];
  const works = async (headers: Record<string, string>) => (await room.me(headers)).status === 200;
  for (const token of [old, undated, kept]) t.true(await works(token));
  const changes = { current_password: ada.password, new_password: 'a different long sentence' };
  t.is((await room.json('/account/password', changes, kept)).status, 204);
  for (const token of [old, undated]) t.false(await works(token));
  t.true(await works(kept), 'the sign-in of the change');
  const later = bare({ sub: email, id: 7, iat: iat - 1, jti: 'later' });
  await room.stored.query(`update owner_end set legacy_ended_at = to_timestamp($1)`, [iat - 30]);
  t.true(await works(later));
  room.advance(5);
  t.is((await room.call('/account/sessions?keep_current=true', { method: 'DELETE', headers: kept })).status, 204);
  t.false(await works(later));
  t.true(await works(kept));
});

test('a token of the earlier system that ends the other ones stays alone, whatever their times of issue are', async (t) => {
  const room = await startRoom(t, strict);
  const { email } = await userOf(room);
  const iat = Math.floor(Date.now() / 1000);
  const token = (jti: string, age: number) => bare({ sub: email, id: 7, iat: iat - age, jti });
  const own = token('own', 10);
  const others = [token('earlier', 60), token('same', 10), token('later', 2), token('now', 0)];
  const works = async (headers: Record<string, string>) => (await room.me(headers)).status === 200;
  for (const each of [own, ...others]) t.true(await works(each));
  const changes = { current_password: ada.password, new_password: 'a different long sentence' };
  t.is((await room.json('/account/password', changes, own)).status, 204);
  t.true(await works(own));
  for (const [index, each] of others.entries()) t.false(await works(each), String(index));

  room.advance(5);
  const undated = bare({ sub: email, id: 7 });
  t.false(await works(undated));
  const next = token('next', -3);
  t.true(await works(next));
  const end = (headers: Record<string, string>, query = '?keep_current=true') =>
    room.call(`/account/sessions${query}`, { method: 'DELETE', headers });
  t.is((await end(next)).status, 204);
  t.true(await works(next));
  t.false(await works(own), 'only one is kept');
  t.is((await end(next, '')).status, 204);
  t.false(await works(next));
});

test('the revocation of such a token is an event of the account', async (t) => {
  const room = await startRoom(t, strict);
  const { email, id } = await userOf(room);
  const headers = bare({ sub: email, id: 7 });
  await room.form('/auth/revoke', { token: String(headers['Authorization']).slice('Bearer '.length) });
  t.is((await room.me(headers)).status, 401);
  const events = await room.stored.query(
    `select stream, actor_subject from audit_event where action = 'token.revoked'`,
  );
  t.deepEqual(events, [{ stream: `user:${id}`, actor_subject: id }]);
});

test('a token of the earlier system without a time of issue stays if it ends the other ones', async (t) => {
  const room = await startRoom(t, strict);
  const { email } = await userOf(room);
  const [own, other] = [bare({ sub: email, id: 7, jti: 'own' }), bare({ sub: email, id: 7, jti: 'other' })];
  const changes = { current_password: ada.password, new_password: 'a different long sentence' };
  t.is((await room.json('/account/password', changes, own)).status, 204);
  t.is((await room.me(own)).status, 200);
  t.is((await room.me(other)).status, 401);
});
