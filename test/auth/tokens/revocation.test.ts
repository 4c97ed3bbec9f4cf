import test, { type ExecutionContext } from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { EndedToken } from '#src/auth/tokens/revocations.ts';
import { eventually } from '#testkit/eventually.ts';
import { ada, auditActions, bearer, refresh, signedIn, startRoom, type Room } from '../room.ts';
import { craft, keys, legacyClaims } from '../setup.ts';

const desk = { client_id: 'desk', client_secret: 'bootstrap secret' };
const clientToken = async (room: Room): Promise<string> =>
  String((await room.form('/auth/token', { grant_type: 'client_credentials', ...desk })).body['access_token']);
const isRevoked = async (room: Room, token: string): Promise<boolean> =>
  (await room.me(bearer(token))).body['code'] === 'token_revoked';

test("a user's access token ends alone, without a client", async (t) => {
  const room = await startRoom(t);
  const { access, refresh: token } = await signedIn(room);
  const { status, body } = await room.form('/auth/revoke', { token: access, token_type_hint: 'access_token' });
  t.is(status, 200);
  t.deepEqual(body, {});
  t.true(await isRevoked(room, access));
  t.is((await refresh(room, token)).status, 200);
  t.true((await auditActions(room)).includes('token.revoked'));
});

test("a user's refresh token ends with its family", async (t) => {
  const room = await startRoom(t);
  const { access, refresh: token } = await signedIn(room);
  const next = await refresh(room, token);
  t.is((await room.form('/auth/revoke', { token: String(next.body['refresh_token']) })).status, 200);
  for (const one of [access, String(next.body['access_token'])]) t.true(await isRevoked(room, one));
  t.is((await refresh(room, String(next.body['refresh_token']))).status, 400);
  t.is((await room.form('/auth/revoke', { token })).status, 200, 'again');
});

test("a client's token is revoked by that client only", async (t) => {
  const room = await startRoom(t);
  await room.stored.query(`insert into oauth_client values ('other', 'o', $1, '{}', now(), null, null)`, [
    '$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  ]);
  const token = await clientToken(room);
  const anonymous = await room.form('/auth/revoke', { token });
  t.is(anonymous.status, 401);
  t.like(anonymous.body, { code: 'client_credentials_invalid', error: 'invalid_client' });
  const wrong = await room.form('/auth/revoke', { token, ...desk, client_secret: 'no' });
  t.is(wrong.status, 401);
  t.false(await isRevoked(room, token));
  t.is((await room.form('/auth/revoke', { token, ...desk })).status, 200);
  t.true(await isRevoked(room, token));
});

test('a legacy token without a jti can be revoked too', async (t) => {
  const room = await startRoom(t);
  const exp = Math.floor(Date.now() / 1000) + 600;
  const legacy = craft({ alg: 'RS256' }, { ...legacyClaims, exp }, keys.signing.privateKey);
  const other = craft({ alg: 'RS256' }, { ...legacyClaims, exp, role: 'other' }, keys.signing.privateKey);
  t.is((await room.me(bearer(legacy))).status, 200);
  t.is((await room.call('/auth/logout', { method: 'POST', headers: bearer(legacy) })).status, 204);
  t.true(await isRevoked(room, legacy));
  t.is((await room.form('/auth/revoke', { token: other })).status, 200);
  t.true(await isRevoked(room, other));
});

test('a token that is no good is 200: it is of no use already', async (t) => {
  const room = await startRoom(t);
  const tokens = {
    rubbish: 'x',
    'an unknown refresh token': `vwr_${'A'.repeat(43)}`,
    'a token with a broken signature': 'eyJhbGciOiJSUzI1NiJ9.e30.AAAA',
  };
  for (const [what, token] of Object.entries(tokens)) {
    t.is((await room.form('/auth/revoke', { token })).status, 200, what);
    t.is((await room.form('/auth/revoke', { token, ...desk })).status, 200, what);
  }
});

test('no token is refused with 400 invalid_request; unknown parameters and tokens of any length are not', async (t) => {
  const room = await startRoom(t);
  const forms: Record<string, string>[] = [{ token: '' }, { token_type_hint: 'x' }, { all: 'yes' }];
  for (const form of forms) {
    const { status, body } = await room.form('/auth/revoke', form);
    t.is(status, 400);
    t.like(body, {
      code: 'oauth_request_invalid',
      error: 'invalid_request',
      error_description: 'token is required: send a string',
      errors: [
        {
          pointer: '/token',
          code: form['token'] === '' ? 'invalid_length' : 'required',
          detail: 'token is required: send a string',
        },
      ],
    });
  }
  const accepted = [
    { token: 'x', all: 'yes' },
    { token: 'x', token_type_hint: 'saml' },
  ];
  for (const form of accepted) t.is((await room.form('/auth/revoke', form)).status, 200);
});

test('another instance refuses the token at its next poll', async (t) => {
  const room = await startRoom(t);
  const other = await startRoom(t, { beside: room });
  const { access } = await signedIn(room);
  t.is((await other.me(bearer(access))).status, 200);
  await room.form('/auth/revoke', { token: access });
  const began = performance.now();
  await eventually(() => isRevoked(other, access), 'the token is refused', 15_000, 5);
  t.true(performance.now() - began < 3_000, 'the poll interval here is 50 ms');
  t.is(other.metrics.value('volwatch_auth_failures_total', { reason: 'token_revoked' }), 1);
});

test('with a feed another instance refuses it without waiting for a poll', async (t) => {
  const listeners: ((tokens: readonly EndedToken[]) => void)[] = [];
  const revocationFeed = {
    publish: (tokens: readonly EndedToken[]) => listeners.forEach((listen) => listen(tokens)),
    subscribe: (listen: (tokens: readonly EndedToken[]) => void) => void listeners.push(listen),
  };
  const slow = { settings: { revocationPollMs: 60_000 }, revocationFeed };
  const room = await startRoom(t, slow);
  const other = await startRoom(t, { beside: room, ...slow });
  const { access } = await signedIn(room);
  await room.form('/auth/revoke', { token: access });
  t.true(await isRevoked(other, access));
});

test('a process that starts later knows what was revoked before', async (t) => {
  const room = await startRoom(t);
  const { access } = await signedIn(room);
  await room.form('/auth/revoke', { token: access });
  t.true(await isRevoked(await startRoom(t, { beside: room }), access));
});

test('checking costs no statement while polls succeed and the owner is known', async (t) => {
  const room = await startRoom(t, { settings: { revocationPollMs: 60_000, ownerCacheMs: 60_000 } });
  const { access } = await signedIn(room);
  const statements = (): number => room.metrics.value('db_client_operation_duration_seconds');
  const costsNothing = async (): Promise<boolean> => {
    const earlier = statements();
    const { status } = await room.me(bearer(access));
    return status === 200 && statements() === earlier;
  };
  await eventually(costsNothing, 'the first poll has ended and the owner is known');
  const before = statements();
  for (let index = 0; index < 20; index += 1) await room.me(bearer(access));
  t.is(statements(), before);
});

/** A second instance whose way to the database can be cut. */
const startCut = async (t: ExecutionContext, room: Room, { cut, pollMs }: { cut: boolean; pollMs: number }) => {
  const { query } = room.database.reader;
  const state = { cut };
  const reader = {
    query: (async (...parameters: Parameters<typeof query>) => {
      if (state.cut) throw new AppError('database_unavailable');
      return query(...parameters);
    }) as typeof query,
  };
  const other = await startRoom(t, { beside: room, reader, settings: { revocationPollMs: pollMs } });
  return { other, state };
};

test('when neither memory nor the database can tell, it is 503 of the database, never 401, and heals', async (t) => {
  const room = await startRoom(t);
  const { access } = await signedIn(room);
  const { other, state } = await startCut(t, room, { cut: true, pollMs: 50 });
  const refused = await other.me(bearer(access));
  t.is(refused.status, 503);
  t.is(refused.body['code'], 'database_unavailable');
  t.is(other.metrics.value('volwatch_auth_failures_total'), 0);
  t.is(other.metrics.value('volwatch_auth_duration_seconds', { operation: 'verify_token', outcome: 'error' }), 1);
  t.is((await other.me(bearer('rubbish'))).status, 401, 'a bad token is bad without any database');
  state.cut = false;
  t.is((await other.me(bearer(access))).status, 200);
});

test('memory outlives a short outage, and is not trusted in a long one', async (t) => {
  const room = await startRoom(t);
  const { access } = await signedIn(room);
  const ended = await signedIn(room, { ...ada, email: 'bob@example.org' });
  await room.form('/auth/revoke', { token: ended.access });
  const { other, state } = await startCut(t, room, { cut: false, pollMs: 500 });
  t.true(await isRevoked(other, ended.access));
  await eventually(async () => (await other.me(bearer(access))).status === 200, 'the other instance knows the owner');
  state.cut = true;
  t.is((await other.me(bearer(access))).status, 200);
  t.true(await isRevoked(other, ended.access));
  // Memory is trusted for four poll intervals of 500 ms.
  await eventually(async () => (await other.me(bearer(access))).status === 503, 'memory is not trusted any more');
  t.true(await isRevoked(other, ended.access));
});

test('revoked tokens are deleted 15 minutes after they would have ended anyway', async (t) => {
  const room = await startRoom(t);
  const { access } = await signedIn(room);
  await room.form('/auth/revoke', { token: access });
  t.is((await room.stored.query('select 1 from revoked_token')).length, 1);
  await room.auth.cleanUp();
  t.is((await room.stored.query('select 1 from revoked_token')).length, 1);
  room.advance(900 + 890);
  await room.auth.cleanUp();
  t.is((await room.stored.query('select 1 from revoked_token')).length, 1);
  room.advance(12);
  await room.auth.cleanUp();
  t.is((await room.stored.query('select 1 from revoked_token')).length, 0);
});
