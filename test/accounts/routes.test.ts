import test from 'ava';
import { ada, start } from './setup.ts';

const defaults = {
  theme: 'system',
  currency: 'USD',
  decimal_places: 4,
  default_model: 'black_scholes',
  default_universe: null,
  email_notifications: false,
};

test('a user without stored documents has the defaults with version 0', async (t) => {
  const { send } = await start(t);
  const settings = await send('ada', '/settings');
  t.is(settings.status, 200);
  t.regex(settings.etag, /^"0-[\w-]{27}"$/);
  t.deepEqual(settings.body, { ...defaults, version: 0, updated_at: null });
  t.deepEqual((await send('ada', '/profile')).body, {
    user_id: ada,
    email: 'ada@example.org',
    role: 'user',
    display_name: null,
    organization: null,
    time_zone: 'UTC',
    locale: 'en',
    version: 0,
    updated_at: null,
  });
});

test('a change needs the stored version, increments it, and does not affect other users', async (t) => {
  const { send, stored, metrics } = await start(t);
  const first = await send('ada', '/settings', { theme: 'dark' }, '"0"');
  t.is(first.status, 200);
  t.is(first.etag, '"1"');
  t.like(first.body, { ...defaults, theme: 'dark', version: 1 });
  const second = await send('ada', '/settings', { default_universe: 'tech5', decimal_places: 2 }, first.etag);
  t.like(second.body, { theme: 'dark', default_universe: 'tech5', decimal_places: 2, version: 2 });
  t.is((await send('ada', '/settings', { default_universe: null }, '*')).body['default_universe'], null);

  for (const outdated of ['"0"', '"2"', '"9"', '"x"', '"1", "2"', 'W/"3"', '"1", W/"3"', 'W/3', '"3', '"3" "3"', '']) {
    const refused = await send('ada', '/settings', { theme: 'light' }, outdated);
    t.is(refused.status, 412, outdated);
    t.is(refused.body['code'], 'precondition_failed');
  }
  for (const [index, matching] of ['"1", "3"', '4', 'W/"4", "x,5", ,"5"'].entries()) {
    const changed = await send('ada', '/settings', { decimal_places: index }, matching);
    t.is(changed.status, 200, matching);
    t.is(changed.etag, `"${index + 4}"`);
  }
  const missing = await send('ada', '/settings', { theme: 'light' });
  t.is(missing.status, 428);
  t.is(missing.body['code'], 'precondition_required');

  t.like((await send('ada', '/settings')).body, { theme: 'dark', version: 6 });
  t.like((await send('bob', '/settings')).body, { theme: 'system', version: 0 });
  t.like((await stored.query('select * from account_settings'))[0], { user_id: ada, theme: 'dark', version: 6 });
  t.is(metrics.value('volwatch_db_transactions_total', { operation: 'account.change', outcome: 'committed' }), 6);
});

test('reading ignores unknown query names of any form; changing refuses them', async (t) => {
  const { send, call } = await start(t);
  const names = [
    'utm_source=x',
    '_=1&_=2',
    'a[b]=c',
    '%zz',
    '%00=%ff',
    'version=7',
    Array(200).fill('x=1').join('&'),
    '&&=',
  ];
  for (const path of ['/profile', '/settings']) {
    for (const query of names) {
      t.is((await send('ada', `${path}?${query}`)).status, 200, query);
      const head = await call(`/api/v1${path}?${query}`, { method: 'HEAD', headers: { Authorization: 'ada' } });
      t.is(head.status, 200, query);
    }
    const changed = await send('ada', `${path}?dry_run=true`, {}, '"0"');
    t.is(changed.status, 422);
    t.like(changed.body, { errors: [{ pointer: 'query.dry_run', code: 'unknown_member' }] });
  }
});

test('a matching If-None-Match gets 304 with the tag, also in a list or as a weak tag', async (t) => {
  const { call } = await start(t);
  const read = (path: string, tags: string) => call(path, { headers: { Authorization: 'ada', 'If-None-Match': tags } });
  for (const path of ['/api/v1/profile', '/api/v1/settings']) {
    const tag = (await read(path, '"x"')).headers.get('etag')!;
    for (const tags of [tag, `W/${tag}`, `"9", W/${tag}`, '*', ` , "x,y" , ${tag}`]) {
      const answer = await read(path, tags);
      t.is(answer.status, 304, tags);
      t.is(answer.headers.get('etag'), tag);
      t.is(answer.headers.get('cache-control'), 'private, no-cache');
      t.is(await answer.text(), '');
    }
    for (const tags of ['"0"', '"1"', '"x,0"', '"0', '"']) t.is((await read(path, tags)).status, 200, tags);
  }
});

test('the tag of a user does not match what another user, or the same one, has with the same version', async (t) => {
  const { call, send, stored } = await start(t);
  const read = (as: string, path: string, tag = '"x"') =>
    call(`/api/v1${path}`, { headers: { Authorization: as, 'If-None-Match': tag } });
  for (const [as, theme] of [
    ['ada', 'dark'],
    ['bob', 'light'],
  ] as const) {
    await send(as, '/profile', { display_name: as }, '"0"');
    await send(as, '/settings', { theme }, '"0"');
  }
  // Two users of one browser: its cache asks with the tag of the user before.
  for (const path of ['/profile', '/settings']) {
    const tag = (await read('ada', path)).headers.get('etag')!;
    const answer = await read('bob', path, tag);
    t.is(answer.status, 200, path);
    t.like(await answer.json(), path === '/profile' ? { display_name: 'bob' } : { theme: 'light' });
    t.is((await read('ada', `${path}?fields=version`, tag)).status, 200, 'other members are another answer');
    t.is((await send('bob', path, {}, tag)).status, 200, 'a change needs the version only');
  }
  // The tag of an answer names the version for a change.
  const { etag } = await send('ada', '/settings');
  t.is((await send('ada', '/settings', { decimal_places: 3 }, etag)).status, 200);
  t.is((await send('ada', '/settings', { decimal_places: 5 }, etag)).status, 412);
  t.is((await stored.query('select 1 from account_settings')).length, 2);
});

test('of ten concurrent changes of one version exactly one succeeds', async (t) => {
  const { send } = await start(t);
  for (const version of ['"0"', '"1"']) {
    const raced = await Promise.all(
      Array.from({ length: 10 }, (_, index) => send('ada', '/profile', { display_name: `Ada ${index}` }, version)),
    );
    t.is(raced.filter(({ status }) => status === 200).length, 1);
    t.is(raced.filter(({ status }) => status === 412).length, 9);
  }
});

test('an empty change does not increment the version', async (t) => {
  const { send } = await start(t);
  await send('ada', '/profile', { locale: 'de-CH' }, '"0"');
  t.like((await send('ada', '/profile', {}, '"1"')).body, { locale: 'de-CH', version: 1 });
});

test('changes that do not match the schema are refused, also unknown members', async (t) => {
  const { send, stored } = await start(t);
  const refused = [
    ['/settings', { unknown: 1 }],
    ['/settings', { theme: 'pink' }],
    ['/settings', { theme: null }],
    ['/settings', { version: 7 }],
    ['/settings', { decimal_places: 1.5 }],
    ['/settings', { currency: 'usd' }],
    ['/settings', { email_notifications: 'yes' }],
    ['/profile', { email: 'other@example.org' }],
    ['/profile', { role: 'admin' }],
    ['/profile', { user_id: 'bob' }],
    ['/profile', { display_name: '' }],
    ['/profile', { display_name: 'a\u0000b' }],
    ['/profile', { time_zone: 'Mars/Olympus' }],
    ['/profile', { locale: 'not a locale' }],
    ['/profile', []],
  ] as const;
  for (const [path, change] of refused) {
    const { status, body } = await send('ada', path, change, '"0"');
    t.is(status, 422, `${path} ${JSON.stringify(change)}`);
    t.is(body['code'], 'validation_failed');
  }
  t.deepEqual(await stored.query('select 1 from account_profile union select 1 from account_settings'), []);
});

test('a text that is too long is refused by its length alone, and no other check reads it', async (t) => {
  const { send } = await start(t);
  const locale = `en${Array.from({ length: 150 }, (_, index) => `-${10_000 + index}`).join('')}`;
  const { getCanonicalLocales } = Intl;
  const read = new Set<string>();
  Intl.getCanonicalLocales = (names) => {
    read.add(String(names));
    return getCanonicalLocales(names);
  };
  t.teardown(() => (Intl.getCanonicalLocales = getCanonicalLocales));
  const texts = {
    locale: [locale, 35],
    time_zone: ['A'.repeat(900), 64],
    display_name: ['\u0001'.repeat(130), 100],
  } as const;
  for (const [name, [text, max]] of Object.entries(texts)) {
    const { status, body } = await send('ada', '/profile', { [name]: text }, '"0"');
    const detail = `${name} must have at most ${max} characters`;
    t.is(status, 422);
    t.like(body, { code: 'validation_failed', errors: [{ pointer: `/${name}`, code: 'invalid_length', detail }] });
    t.is((body['errors'] as unknown[]).length, 1, name);
  }
  t.is((await send('ada', '/profile', { locale: 'de-LI' }, '"0"')).status, 200);
  t.true(read.has('de-LI'));
  t.false(read.has(locale));
});

test('clients and API keys get 404, and unknown callers get 401', async (t) => {
  const { send } = await start(t);
  for (const who of ['desk', 'key']) {
    for (const path of ['/profile', '/settings']) t.is((await send(who, path)).status, 404);
    t.is((await send(who, '/settings', { theme: 'dark' }, '"0"')).status, 404);
  }
  t.is((await send('nobody', '/profile')).status, 401);
});

test('a user without an account here gets 401 with its own code, and no document is stored', async (t) => {
  const { send, stored } = await start(t);
  for (const who of ['foreign', 'gone']) {
    for (const path of ['/profile', '/settings']) {
      const answers = [
        await send(who, path),
        await send(who, path, path === '/profile' ? { locale: 'de' } : { theme: 'dark' }, '"0"'),
        await send(who, path, path === '/profile' ? { locale: 'de' } : { theme: 'dark' }, '*'),
      ];
      for (const { status, body } of answers) {
        t.is(status, 401, path);
        t.like(body, { code: 'token_user_unknown', category: 'authentication' });
      }
    }
  }
  t.deepEqual(await stored.query('select 1 from account_profile union select 1 from account_settings'), []);
});

test('the documents of a user refer to the user, and leave with the account', async (t) => {
  const { send, stored } = await start(t);
  await send('ada', '/settings', { theme: 'dark' }, '"0"');
  await send('ada', '/profile', { locale: 'de' }, '"0"');
  for (const table of ['account_profile', 'account_settings']) {
    await t.throwsAsync(
      stored.query(`insert into ${table} (user_id, version, updated_at) values ($1, 1, now())`, [
        '018f0000-0000-7000-8000-00000000000c',
      ]),
      { message: new RegExp(`${table}_user_id_foreign`) },
    );
  }
  await stored.query('delete from user_account where id = $1', [ada]);
  t.deepEqual(await stored.query('select 1 from account_profile union select 1 from account_settings'), []);
  t.like((await send('ada', '/profile')).body, { status: 401, code: 'token_user_unknown' });
});

test('a member without a migrated column has its default and a warning, and a change of it gives 503', async (t) => {
  const { send, stored, warnings } = await start(t);
  await send('ada', '/settings', { theme: 'dark', currency: 'CHF' }, '"0"');
  await stored.query('alter table account_settings drop column currency');
  for (let read = 0; read < 2; read += 1) {
    const { status, body } = await send('ada', '/settings');
    t.is(status, 200);
    t.like(body, { theme: 'dark', currency: 'USD', warnings: ['currency: the default is used'] });
  }
  t.deepEqual(warnings, ['currency a column is missing; its default is used until the schema is migrated']);
  const change = await send('ada', '/settings', { currency: 'EUR' }, '"1"');
  t.is(change.status, 503);
  t.is(change.body['code'], 'database_schema_outdated');
  t.like((await send('ada', '/settings', { theme: 'light' }, '"1"')).body, { theme: 'light', version: 2 });
});

test('If-Match: * matches also the version that another request stores at the same moment', async (t) => {
  const { send } = await start(t);
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, index) => send('ada', '/settings', { decimal_places: index % 8 }, '*')),
  );
  t.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
});
