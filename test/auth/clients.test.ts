import test from 'ava';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { noAbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { createCredentialLookups } from '#src/rate-limit/credentials/credential-lookups.ts';
import { compareState } from '#src/audit/replay.ts';
import { createSecretHasher } from '#src/auth/secrets/secret-hasher.ts';
import { operate, type CommandResult } from '#testkit/commands/operate.ts';
import { auditActions, bearer, startRoom, type Room } from './room.ts';
import { quickHashing } from './setup.ts';

const token = (room: Room, id: string, secret: string) =>
  room.form('/auth/token', { grant_type: 'client_credentials', client_id: id, client_secret: secret });

/** Quick hashes of secrets. */
const environment = { PASSWORD_HASH_MEMORY_KIB: '7168', PASSWORD_HASH_PASSES: '1' };
const client = (room: Room, ...words: string[]): Promise<CommandResult> =>
  operate({ url: room.stored.url, environment }, 'client.ts', ...words);

const shown = ({ stdout }: CommandResult) => ({
  id: /client_id\s+(\S+)/.exec(stdout)?.[1] ?? '',
  secret: /client_secret\s+(\S+)/.exec(stdout)?.[1] ?? '',
});

test('a client is made, rotated and revoked from the command line; events and table agree', async (t) => {
  const room = await startRoom(t, { settings: { ownerCacheMs: 0 } });
  const { id, secret } = shown(await client(room, 'create', 'Risk desk', '--scopes', 'ml:read,market:refresh'));
  t.regex(secret, /^vwc_[\w-]{43}$/);
  const granted = await token(room, id, secret);
  t.is(granted.status, 200);
  t.is(granted.body['scope'], 'market:refresh ml:read');
  t.like((await room.me(bearer(granted.body['access_token']))).body, { kind: 'client', subject: id });
  t.is((await token(room, id, secret)).status, 200, 'remembered');
  t.is((await token(room, id, `${secret}x`)).status, 401);
  for (const nobody of ['nobody', `' or 1=1 --`]) {
    t.is((await token(room, nobody, secret)).status, 401, JSON.stringify(nobody));
  }
  // No stored id can have such a text, so the request itself is refused.
  for (const broken of ['\u0000', `${id}\u0000`]) {
    t.is((await token(room, broken, secret)).status, 400, JSON.stringify(broken));
  }

  const rotation = await client(room, 'rotate', id);
  const rotated = shown(rotation);
  t.true(rotation.stdout.includes(`end-keys client:${id}`));
  t.is((await room.me(bearer(granted.body['access_token']))).status, 401, 'a token of the old secret ends');
  t.is(rotated.id, id);
  t.is((await token(room, id, secret)).status, 401, 'the old secret ends at once');
  t.is((await token(room, id, rotated.secret)).status, 200);

  const stored = JSON.stringify(await room.stored.query('select * from oauth_client'));
  t.regex(stored, /\$argon2id\$v=19\$m=7168,t=1,p=1\$/);
  t.false(stored.includes(secret) || stored.includes(rotated.secret));
  t.regex(
    (await client(room, 'list')).stdout,
    new RegExp(`^${id}\tRisk desk\tmarket:refresh,ml:read\t\\S+\tactive$`, 'm'),
  );

  t.is((await client(room, 'revoke', id)).code, 0);
  t.is((await token(room, id, rotated.secret)).status, 401);
  t.regex((await client(room, 'list')).stdout, /revoked/);
  t.is((await client(room, 'revoke', id)).code, 1);
  t.is((await client(room, 'rotate', id)).code, 1);

  t.deepEqual(
    (await auditActions(room)).filter((action) => action.startsWith('client.')),
    'created refused refused refused rotated refused revoked refused'.split(' ').map((action) => `client.${action}`),
  );
  t.deepEqual(await compareState(room.database.reader), []);
});

test('the secret of a stored client works by Basic, raw and encoded; a wrong one is one refusal', async (t) => {
  const room = await startRoom(t);
  const own = 'a+b/c%41';
  const hash = await createSecretHasher({ ...quickHashing, metrics: noMetrics, work: 'password' }).hash(own);
  await room.stored.query(`insert into oauth_client values ('desk/1+', 'd', $1, '{ml:read}', now(), null, null)`, [
    hash,
  ]);
  const basic = (id: string, secret: string) =>
    room.form(
      '/auth/token',
      { grant_type: 'client_credentials' },
      { Authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` },
    );
  t.is((await basic('desk/1+', own)).status, 200);
  t.is((await basic('desk%2F1%2B', encodeURIComponent(own))).status, 200);
  t.is((await basic('desk/1+', 'a+b/cA')).status, 401);
  t.is((await basic('desk%2F1%2B', `${encodeURIComponent(own)}%41`)).status, 401);
  t.deepEqual(await auditActions(room), ['client.refused', 'client.refused']);
});

const misused: [string, string[]][] = [
  ['no command', []],
  ['an unknown command', ['delete', 'x']],
  ['create without a name', ['create', '--scopes', 'ml:read']],
  ['create without scopes', ['create', 'desk']],
  ['an unknown scope', ['create', 'desk', '--scopes', 'root']],
  ['an unknown option', ['list', '--all']],
];
for (const [what, words] of misused) {
  test(`the command refuses ${what} with status 64 and its usage`, async (t) => {
    const ran = await client({ stored: { url: 'postgres://127.0.0.1:1/none' } } as Room, ...words);
    t.is(ran.code, 64);
    t.regex(ran.stderr, /usage: npm run client/);
  });
}

test('keys and tokens of a signed-in client leave events that its row can still be rebuilt from', async (t) => {
  const room = await startRoom(t);
  const owner = bearer((await token(room, 'desk', 'bootstrap secret')).body['access_token']);
  const key = await room.json('/api-keys', { name: 'k', scopes: ['ml:read'], expires_in_days: 1 }, owner);
  await room.json('/api-keys', { name: 'l', scopes: [] }, owner);
  await room.call(`/api-keys/${String(key.body['id'])}`, { method: 'DELETE', headers: owner });
  await room.call('/auth/logout', { method: 'POST', headers: owner });
  t.deepEqual(await compareState(room.database.reader), []);
});

test('a request whose secret is checked during a rotation gets no token with the former one', async (t) => {
  const room = await startRoom(t, { settings: { ownerCacheMs: 0 } });
  const { id, secret } = shown(await client(room, 'create', 'Risk desk', '--scopes', 'ml:read'));
  const other = shown(await client(room, 'create', 'Other desk', '--scopes', 'ml:read'));
  const [row] = await room.stored.query('select secret_hash from oauth_client where id = $1', [other.id]);
  // Hashes of clients have one place, so the checks wait for each other, and the rotation comes in between.
  const asked = Array.from({ length: 20 }, (_, number) => token(room, id, number < 19 ? `wrong${number}` : secret));
  await room.stored.query('update oauth_client set secret_hash = $2 where id = $1', [id, row?.['secret_hash']]);
  const statuses = (await Promise.all(asked)).map(({ status }) => status);
  t.is(statuses.at(-1), 401);
});

test('an address with many refused secrets of clients must wait, also with the right secret of the bootstrap client', async (t) => {
  const lookups = createCredentialLookups({
    clock: { monotonic: () => performance.now() },
    quota: { points: 3, windowSeconds: 60 },
    abuse: noAbuseReport,
    decided: () => {},
  });
  const room = await startRoom(t, { lookups });
  const from = (ip: string, secret: string) =>
    room.call('/auth/token', {
      method: 'POST',
      headers: { 'X-Forwarded-For': ip, 'Content-Type': 'application/x-www-form-urlencoded' },
      body: String(new URLSearchParams({ grant_type: 'client_credentials', client_id: 'desk', client_secret: secret })),
    });
  const statuses: number[] = [];
  for (let guess = 0; guess < 3; guess += 1) statuses.push((await from('192.0.2.1', `guess ${guess}`)).status);
  statuses.push(
    (await from('192.0.2.1', 'bootstrap secret')).status,
    (await from('192.0.2.2', 'bootstrap secret')).status,
  );
  t.deepEqual(statuses, [401, 401, 401, 429, 200]);
});
