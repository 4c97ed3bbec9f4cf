import test from 'ava';
import { auditActions, newUser, refreshed, registered, startRoom } from './setup.ts';
import { startReceiver } from '#testkit/servers/webhook-receiver.ts';

const url = 'https://example.org/hooks/canary-path-1f7b';
const events = ['refresh.failed', 'refresh.succeeded'];

test('a webhook is registered, shown without its secret, and deleted, and the trail has it', async (t) => {
  const room = await startRoom(t);
  const { status, headers, body } = await room.call('POST', '/webhooks', 'client:desk', { url, events });
  t.is(status, 201);
  const { secret, ...webhook } = body;
  t.regex(String(secret), /^whsec_[A-Za-z0-9+/]{43}=$/);
  t.like(webhook, {
    url,
    events: ['refresh.succeeded', 'refresh.failed'],
    status: 'active',
    disabled_reason: null,
    disabled_at: null,
    rotated_at: null,
  });
  t.is(headers.get('location'), `/api/v1/webhooks/${String(body['id'])}`);
  t.is(headers.get('cache-control'), 'no-store');
  const path = `/webhooks/${String(body['id'])}`;
  t.deepEqual((await room.call('GET', path)).body, webhook);
  t.deepEqual((await room.call('GET', '/webhooks')).body['data'], [webhook]);
  t.false(JSON.stringify(await room.stored.query('select * from webhook')).includes(String(secret)));

  t.is((await room.call('DELETE', path)).status, 204);
  t.is((await room.call('DELETE', path)).status, 404);
  t.is((await room.call('GET', path)).status, 404);
  t.deepEqual(await auditActions(room), ['webhook.created', 'webhook.deleted']);
  const trail = JSON.stringify(await room.stored.query('select * from audit_event'));
  t.false(trail.includes('canary-path') || trail.includes(String(secret)));
});

const refused: readonly [string, object, string][] = [
  ['another scheme', { url: 'ftp://example.org', events }, '/url'],
  ['no URL', { url: 'example', events }, '/url'],
  ['credentials', { url: 'https://user:pass@example.org', events }, '/url'],
  ['a user name', { url: 'https://user@example.org', events }, '/url'],
  ['a fragment', { url: 'https://example.org/#a', events }, '/url'],
  ['a long one', { url: `https://example.org/${'a'.repeat(2_048)}`, events }, '/url'],
  ['no events', { url, events: [] }, '/events'],
  ['an unknown event', { url, events: ['refresh.started'] }, '/events/0'],
  ['a test event', { url, events: ['webhook.test'] }, '/events/0'],
  ['an unknown member', { url, events, secret: 'mine' }, '/secret'],
];
test('an invalid webhook is refused', async (t) => {
  const room = await startRoom(t);
  for (const [what, body, pointer] of refused) {
    const answer = await room.call('POST', '/webhooks', 'client:desk', body);
    t.is(answer.status, 422, what);
    t.like(answer.body['errors'], [{ pointer }], what);
  }
  t.deepEqual(await room.stored.query('select 1 from webhook'), []);
});

test('a URL that is too long is refused by its length alone, and is not parsed', async (t) => {
  const room = await startRoom(t);
  const host = Array.from({ length: 2_100 }, (_, index) => String.fromCharCode(0x4e00 + index)).join('');
  const parse = URL.parse.bind(URL);
  const parsed: string[] = [];
  URL.parse = (text, base) => {
    parsed.push(text);
    return parse(text, base);
  };
  t.teardown(() => (URL.parse = parse));
  const long = await room.call('POST', '/webhooks', 'client:desk', { url: `https://${host}.com/`, events });
  t.is(long.status, 422);
  const detail = 'url must have at most 2048 characters';
  t.deepEqual(long.body['errors'], [{ pointer: '/url', code: 'invalid_length', detail }]);
  // A URL of allowed length, whose host alone would take some milliseconds.
  const longHost = `https://${host.slice(0, 600)}.com/`;
  const { status, body } = await room.call('POST', '/webhooks', 'client:desk', { url: longHost, events });
  t.is(status, 422);
  t.like(body['errors'], [{ pointer: '/url', code: 'invalid_value' }]);
  t.false(parsed.some((text) => text.includes(host.slice(0, 10))));
});

test('in production receivers have TLS and public addresses', async (t) => {
  const room = await startRoom(t, { allowHttp: false, privateAddresses: false });
  for (const address of ['http://example.org', 'https://127.0.0.1', 'https://[::1]', 'https://0x7f.1/']) {
    t.is((await room.call('POST', '/webhooks', 'client:desk', { url: address, events })).status, 422, address);
  }
  t.is((await room.call('POST', '/webhooks', 'client:desk', { url, events })).status, 201);
});

test('receivers have the default port or one that no other protocol has', async (t) => {
  const room = await startRoom(t, { maxPerOwner: 10 });
  for (const port of [0, 1, 22, 25, 80, 389, 1_023]) {
    const address = `https://example.org:${port}/`;
    const answer = await room.call('POST', '/webhooks', 'client:desk', { url: address, events });
    t.is(answer.status, 422, address);
    t.like(answer.body['errors'], [{ pointer: '/url', detail: 'url must have the default port or one from 1024 on' }]);
  }
  for (const address of ['https://example.org:443/', 'http://example.org:80/', 'https://example.org:1024/']) {
    t.is((await room.call('POST', '/webhooks', 'client:desk', { url: address, events })).status, 201, address);
  }
});

test('in production names without a public address are refused', async (t) => {
  const room = await startRoom(t, { allowHttp: false, privateAddresses: false });
  const names = ['localhost', 'LOCALHOST', 'a.localhost.', 'printer.local', 'vault.service.internal', 'nas.home.arpa'];
  for (const name of [
    ...names,
    'a.test',
    'a.example',
    'a.invalid',
    'a.onion',
    'a.alt',
    'redis',
    'redis.',
    'internal',
  ]) {
    const body = { url: `https://${name}/`, events };
    const answer = await room.call('POST', '/webhooks', 'client:desk', body);
    t.is(answer.status, 422, name);
    t.like(answer.body['errors'], [{ pointer: '/url', detail: 'url must not have a name that is not public' }]);
  }
  for (const name of ['example.org', 'mylocalhost.net', 'internal.example.org']) {
    const body = { url: `https://${name}/`, events };
    t.is((await room.call('POST', '/webhooks', 'client:desk', body)).status, 201, name);
  }
});

test("somebody else's webhook is not there", async (t) => {
  const room = await startRoom(t);
  await room.stored.query(
    `insert into oauth_client (id, name, secret_hash, scopes, created_at)
     values ('other', 'Other', 'x', '{market:refresh}', now())`,
  );
  const { id } = await registered(room, url);
  for (const stranger of ['client:other', 'user:desk']) {
    t.deepEqual((await room.call('GET', '/webhooks', stranger)).body['data'], []);
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/rotate'],
      ['POST', '/test'],
      ['GET', '/deliveries'],
    ] as const) {
      const { status, body } = await room.call(method, `/webhooks/${id}${path}`, stranger);
      t.is(status, 404, `${method} ${path}`);
      t.is(body['code'], 'resource_not_found');
    }
  }
  t.is((await room.call('GET', '/webhooks', '')).status, 401);
  t.is((await room.call('GET', '/webhooks', 'api_key:key-1')).status, 403);
  t.is((await room.call('POST', '/webhooks', 'api_key:key-1', { url, events })).status, 403);
  t.is((await room.call('GET', `/webhooks/${id}`)).status, 200);
});

test('an owner has no more than may be, however many ask at once', async (t) => {
  const room = await startRoom(t);
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => room.call('POST', '/webhooks', 'client:desk', { url, events })),
  );
  t.is(answers.filter(({ status }) => status === 201).length, 3);
  const over = answers.find(({ status }) => status !== 201)!;
  t.is(over.status, 422);
  t.like(over.body['errors'], [{ pointer: '', code: 'too_many' }]);
  t.is((await room.call('POST', '/webhooks', await newUser(room), { url, events })).status, 201);
});

test('lists come in pages that fit together', async (t) => {
  const room = await startRoom(t);
  const receiver = await startReceiver(t);
  const { id } = await registered(room, receiver.url);
  await registered(room, receiver.url);
  await registered(room, receiver.url);
  const collect = async (path: string, key: string): Promise<string[]> => {
    const found: string[] = [];
    for (let cursor = ''; ;) {
      const { status, body } = await room.call('GET', `${path}?limit=1${cursor}`);
      t.is(status, 200);
      found.push(...(body['data'] as Record<string, unknown>[]).map((item) => String(item[key])));
      const next = (body['page'] as { next_cursor: string | null }).next_cursor;
      if (next === null) return found;
      cursor = `&cursor=${next}`;
    }
  };
  const ids = await collect('/webhooks', 'id');
  t.is(new Set(ids).size, 3);
  t.deepEqual(ids, [...ids].sort());

  for (const universe of ['a', 'b', 'c']) await room.announce({ ...refreshed, data: { universe } });
  await room.work();
  const sent = await collect(`/webhooks/${id}/deliveries`, 'event_id');
  t.is(sent.length, 3);
  t.deepEqual(sent, [...sent].sort().reverse());
  const { body } = await room.call('GET', '/webhooks?limit=1');
  const cursor = (body['page'] as { next_cursor: string }).next_cursor;
  t.is((await room.call('GET', `/webhooks/${id}/deliveries?cursor=${cursor}`)).status, 422);
  t.is((await room.call('GET', `/webhooks?cursor=${cursor}`, 'client:other')).status, 422);
  t.deepEqual((await room.call('GET', '/webhooks?to=2000-01-01')).body['data'], []);
  t.deepEqual((await room.call('GET', `/webhooks/${id}/deliveries?to=2000-01-01`)).body['data'], []);
  t.deepEqual((await room.call('GET', `/webhooks/${id}/deliveries?fields=state&limit=1`)).body['data'], [
    { state: 'delivered' },
  ]);
});
