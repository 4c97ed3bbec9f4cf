import { pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { SignJWT } from 'jose';
import { recordAbuse } from '#testkit/abuse.ts';
import { eventually } from '#testkit/eventually.ts';
import { Client } from 'pg';
import {
  ada,
  auditActions,
  bearer,
  quickCaches,
  refresh,
  signedIn,
  startRoom,
  type Answer,
  type Room,
} from '../room.ts';

const refused = { code: 'oauth_request_invalid', error: 'invalid_grant' };

test('a refresh gives a new pair; the old access token lives on to its end', async (t) => {
  const room = await startRoom(t);
  const first = await signedIn(room);
  const { status, body, headers } = await refresh(room, first.refresh);
  t.is(status, 200);
  t.is(headers.get('cache-control'), 'no-store');
  t.deepEqual(Object.keys(body).sort(), ['access_token', 'expires_in', 'refresh_token', 'scope', 'token_type']);
  t.like(body, { token_type: 'Bearer', expires_in: 900, scope: 'ml:read' });
  t.not(body['refresh_token'], first.refresh);
  for (const token of [first.access, body['access_token']]) t.is((await room.me(bearer(token))).status, 200);
  t.is((await refresh(room, String(body['refresh_token']))).status, 200);
  t.is(room.metrics.value('volwatch_auth_duration_seconds', { operation: 'refresh', outcome: 'ok' }), 2);
});

test('a reused refresh token ends its whole family, access tokens included, and no other family', async (t) => {
  const room = await startRoom(t);
  const other = await signedIn(room);
  const first = await signedIn(room);
  const second = await refresh(room, first.refresh);
  const reuse = await refresh(room, first.refresh);
  t.is(reuse.status, 400);
  t.like(reuse.body, refused);
  t.like((await refresh(room, String(second.body['refresh_token']))).body, refused);
  for (const token of [first.access, second.body['access_token']]) {
    t.like((await room.me(bearer(token))).body, { code: 'token_revoked' });
  }
  t.is((await room.me(bearer(other.access))).status, 200);
  t.is((await refresh(room, other.refresh)).status, 200);
  t.is((await auditActions(room)).filter((action) => action === 'refresh_token.reused').length, 1);
  t.is(room.metrics.value('volwatch_auth_duration_seconds', { operation: 'refresh', outcome: 'refused' }), 2);
  t.is(room.metrics.value('volwatch_db_transactions_total', { operation: 'auth.refresh', outcome: 'rolled_back' }), 0);
});

test('nobody can hide the reuse of a refresh token in the audit trail by refused sign-ins', async (t) => {
  const room = await startRoom(t, { auditRefusals: { maxPerHour: 2, maxOfAllPerHour: 2 } });
  const { refresh: token } = await signedIn(room);
  for (let round = 0; round < 4; round += 1) await room.json('/auth/login', { ...ada, password: 'a wrong sentence' });
  await refresh(room, token);
  await refresh(room, token);
  const actions = await auditActions(room);
  t.is(actions.filter((action) => action === 'user.sign_in_refused').length, 2);
  t.is(actions.filter((action) => action === 'refresh_token.reused').length, 1);
});

const waitingBackends = async ({ stored }: Room, count: number): Promise<void> => {
  const waiting = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  await eventually(async () => (await stored.query(waiting)).length >= count, `${count} backends wait for a lock`);
};

const splitBetween = (rooms: readonly Room[], count: number, token: string): Promise<Answer[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => refresh(rooms[index % rooms.length]!, token)));

test('of twenty simultaneous refreshes on two instances exactly one wins', async (t) => {
  const room = await startRoom(t);
  const second = await startRoom(t, { beside: room });
  const { refresh: token } = await signedIn(room);
  const answers = await splitBetween([room, second], 20, token);
  t.is(answers.filter(({ status }) => status === 200).length, 1);
  for (const { body } of answers.filter(({ status }) => status !== 200)) t.like(body, refused);
});

test('losing a race ends nothing: every request arrived before the token was spent', async (t) => {
  const room = await startRoom(t);
  const second = await startRoom(t, { beside: room });
  const { refresh: token } = await signedIn(room);
  const holder = new Client({ connectionString: room.stored.url });
  // The database is dropped with its connections when the test fails.
  holder.on('error', () => {});
  await holder.connect();
  await holder.query('begin');
  await holder.query('select 1 from refresh_family for update');
  const racing = splitBetween([room, second], 8, token);
  // One of each instance; the others wait without a connection.
  await waitingBackends(room, 2);
  await holder.query('commit');
  await holder.end();
  const answers = await racing;
  const winners = answers.filter(({ status }) => status === 200);
  t.is(winners.length, 1);
  const { body } = winners[0]!;
  t.is((await room.me(bearer(body['access_token']))).status, 200);
  t.is((await refresh(room, String(body['refresh_token']))).status, 200);
  t.false((await auditActions(room)).includes('refresh_token.reused'));
});

/** A connection that is open before the threads are busy, because a new one would wait for a thread too. */
const connected = async (t: ExecutionContext, { stored }: Room): Promise<Client> => {
  const client = new Client({ connectionString: stored.url });
  client.on('error', () => {});
  await client.connect();
  t.teardown(() => client.end());
  return client;
};

/** Work for the threads of this process, for about two seconds. */
const busyThreads = (): Promise<unknown> =>
  Promise.all(Array.from({ length: 40 }, () => promisify(pbkdf2)('secret', 'salt', 300_000, 32, 'sha256')));

test('signatures wait for a thread without a transaction, so a busy thread pool takes no database connections', async (t) => {
  const room = await startRoom(t);
  const sessions = [await signedIn(room), await signedIn(room), await signedIn(room)];
  const looking = await connected(t, room);
  const ended = new AbortController();
  const busy = busyThreads().finally(() => ended.abort());
  const answers = Promise.all(sessions.map(({ refresh: token }) => refresh(room, token)));
  const idle = `select 1 from pg_stat_activity where datname = current_database() and state = 'idle in transaction'
    and now() - state_change > interval '100 milliseconds'`;
  let looks = 0;
  for (; !ended.signal.aborted; looks += 1) t.deepEqual((await looking.query(idle)).rows, [], 'no transaction waits');
  await busy;
  t.true(looks > 5);
  t.deepEqual(
    (await answers).map(({ status }) => status),
    [200, 200, 200],
  );
});

// Serial, because it replaces the signature of the process.
test.serial('a refresh whose owner changes while the signature waits is signed again', async (t) => {
  const room = await startRoom(t);
  const { refresh: token } = await signedIn(room);
  const property = Object.getOwnPropertyDescriptor(SignJWT.prototype, 'sign')!;
  const sign = property.value as (this: SignJWT, ...given: unknown[]) => Promise<string>;
  let signatures = 0;
  const changeFirst = async function (this: SignJWT, ...given: unknown[]): Promise<string> {
    signatures += 1;
    if (signatures === 1) await room.stored.query(`update user_account set scopes = '{}'`);
    return sign.apply(this, given);
  };
  Object.defineProperty(SignJWT.prototype, 'sign', { ...property, value: changeFirst });
  const { status, body } = await refresh(room, token).finally(() =>
    Object.defineProperty(SignJWT.prototype, 'sign', property),
  );
  t.is(status, 200);
  t.is(body['scope'], '');
  t.is(signatures, 2);
});

test('a scope narrows the access token, not the family; one that is not held spends nothing', async (t) => {
  const room = await startRoom(t);
  const { refresh: token } = await signedIn(room);
  await room.stored.query(`update user_account set scopes = '{market:refresh,ml:read}'`);
  const full = await signedIn(room);
  const narrow = await refresh(room, full.refresh, { scope: 'ml:read' });
  t.is(narrow.body['scope'], 'ml:read');
  const next = String(narrow.body['refresh_token']);
  const tooMuch = await refresh(room, next, { scope: 'ml:read users:admin' });
  t.like(tooMuch.body, { code: 'oauth_request_invalid', error: 'invalid_scope' });
  t.is((await refresh(room, next)).body['scope'], 'market:refresh ml:read');
  t.is((await refresh(room, token)).body['scope'], 'ml:read', 'a family does not grow beyond its sign-in');
});

test('scopes that the user has lost are gone at the next refresh', async (t) => {
  const room = await startRoom(t);
  const { refresh: token } = await signedIn(room);
  await room.stored.query(`update user_account set scopes = '{}'`);
  t.is((await refresh(room, token)).body['scope'], '');
});

test('a family ends with its time, however often it was refreshed; then its rows are deleted', async (t) => {
  const room = await startRoom(t, { settings: { refreshTokenSeconds: 3_600 } });
  const { refresh: first } = await signedIn(room);
  room.advance(3_000);
  const { status, body } = await refresh(room, first);
  t.is(status, 200);
  room.advance(700);
  t.like((await refresh(room, String(body['refresh_token']))).body, refused);
  await room.auth.cleanUp();
  t.is((await room.stored.query('select * from refresh_token')).length, 2, 'the last access token has not expired');
  room.advance(1_800);
  t.true((await room.auth.cleanUp()) >= 1);
  t.deepEqual(await room.stored.query('select * from refresh_token'), []);
});

test('a revoked family is deleted at the next clean-up, and its tokens stay refused', async (t) => {
  const room = await startRoom(t);
  const ended = await signedIn(room);
  const kept = await signedIn(room);
  t.is((await room.form('/auth/revoke', { token: ended.refresh })).status, 200);
  await room.auth.cleanUp();
  t.is((await room.stored.query('select 1 from refresh_family')).length, 1);
  t.like((await refresh(room, ended.refresh)).body, refused);
  t.like((await room.me(bearer(ended.access))).body, { code: 'token_revoked' });
  const unaware = await startRoom(t, { beside: room });
  t.like((await unaware.me(bearer(ended.access))).body, { code: 'token_revoked' });
  t.is((await refresh(room, kept.refresh)).status, 200);
});

test('one sign-in has a max number of stored refresh tokens; beyond it a refresh is refused and ends nothing', async (t) => {
  const abuse = recordAbuse();
  const room = await startRoom(t, { settings: { maxTokensPerSignIn: 3 }, abuse });
  let { refresh: token } = await signedIn(room);
  for (let round = 0; round < 2; round += 1) token = String((await refresh(room, token)).body['refresh_token']);
  const answer = await refresh(room, token);
  t.is(answer.status, 429);
  t.like(answer.body, { code: 'quota_exceeded', errors: [{ code: 'refresh_tokens' }] });
  t.deepEqual(abuse.kinds, ['storage_quota']);
  t.is((await refresh(room, (await signedIn(room)).refresh)).status, 200, 'a new sign-in has its own tokens');
});

test('a user has a max number of sign-ins with tokens: a new one ends the oldest one with its access tokens', async (t) => {
  const room = await startRoom(t, { settings: { ...quickCaches.settings, maxFamiliesPerUser: 2 } });
  const oldest = await signedIn(room);
  const kept = await signedIn(room);
  const second = await refresh(room, oldest.refresh);
  const newest = await signedIn(room);
  t.like((await refresh(room, String(second.body['refresh_token']))).body, refused);
  for (const token of [oldest.access, String(second.body['access_token'])]) {
    await eventually(
      async () => (await room.me(bearer(token))).body['code'] === 'token_revoked',
      'the token has ended',
    );
  }
  for (const { refresh: token } of [kept, newest]) t.is((await refresh(room, token)).status, 200);
  const ended = `select data from audit_event where action = 'user.sessions_ended'`;
  t.deepEqual(await room.stored.query(ended), [{ data: { sessions: 1, quota: 'token_sign_ins' } }]);
  await room.auth.cleanUp();
  t.is((await room.stored.query('select 1 from refresh_family')).length, 2);
});

const wrong: [string, Record<string, string>, number, object][] = [
  ['an unknown token', { refresh_token: `vwr_${'A'.repeat(43)}` }, 400, refused],
  ['rubbish', { refresh_token: 'x' }, 400, refused],
  ['no token', {}, 400, { error: 'invalid_request' }],
  ['an empty token', { refresh_token: '' }, 400, { error: 'invalid_request' }],
  ['a wrong client', { refresh_token: 'x', client_id: 'desk', client_secret: 'no' }, 401, { error: 'invalid_client' }],
];
test('what is no refresh token of ours is refused', async (t) => {
  const room = await startRoom(t);
  for (const [what, body, status, expected] of wrong) {
    const answer = await room.form('/auth/token', { grant_type: 'refresh_token', ...body });
    t.is(answer.status, status, what);
    t.like(answer.body, expected, what);
  }
});

test('a bearer token or a bare client_id beside the refresh token are no client credentials', async (t) => {
  const room = await startRoom(t);
  const { access, refresh: token } = await signedIn(room);
  const form = { grant_type: 'refresh_token', refresh_token: token, client_id: 'web' };
  const first = await room.form('/auth/token', form, bearer(access));
  t.is(first.status, 200);
  const wrong = { Authorization: `Basic ${Buffer.from('desk:no').toString('base64')}` };
  const next = { grant_type: 'refresh_token', refresh_token: String(first.body['refresh_token']) };
  t.is((await room.form('/auth/token', next, wrong)).status, 401);
  t.is((await room.form('/auth/token', next)).status, 200);
});

test('an access token is no refresh token, and the other way round', async (t) => {
  const room = await startRoom(t);
  const { access, refresh: token } = await signedIn(room);
  t.like((await refresh(room, access.slice(0, 1024))).body, refused);
  t.like((await room.me(bearer(token))).body, { code: 'token_malformed' });
});

test('tokens rest as digests', async (t) => {
  const room = await startRoom(t);
  const { access, refresh: token } = await signedIn(room);
  const rows = JSON.stringify([
    await room.stored.query("select *, encode(token_hash, 'escape') as shown from refresh_token"),
    await room.stored.query('select * from user_account'),
  ]);
  for (const secret of [access, token, ada.password]) t.false(rows.includes(secret));
});
