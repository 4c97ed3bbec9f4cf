import test from 'ava';
import { loggedPath } from '#src/http/middleware/logged-path.ts';

const key = 'vwk_p986rf6q_2oa6n0123456789abcdefghijklmnopqrstuvwxyzABCD-g';
const token = 'eyJhbGciOiJSUzI1NiJ9.e30.AA';
const id = '018f3f2e-0000-7000-8000-0000000000aa';

test('a path is logged as it was sent, without what may be personal data or a credential', (t) => {
  const kept = [
    '/api/v2/assets/AAPL',
    '/wp-admin/setup.php',
    '/.well-known/oauth-authorization-server',
    '/api/v1/pricing/implied-volatility-of-everything',
    '/api/v1/settings/presets',
    '//x//',
  ];
  for (const path of kept) t.is(loggedPath(path, 'unmatched'), path);
  const replaced = [
    ['/reset/0123456789abcdef0123456789abcdef', '/reset/[redacted]'],
    ['/reset/ada@example.org/x', '/reset/[redacted]/x'],
    ['/reset/ada%40example.org', '/reset/[redacted]'],
    ['/reset/%61da%2540example.org', '/reset/[redacted]'],
    ['/reset/ada%EF%BC%A0example.org', '/reset/[redacted]'],
    ['/a%2', '/[redacted]'],
    ['/%E2%82%AC', '/[redacted]'],
    [`/api/v1/account/${id}`, '/api/v1/account/[redacted]'],
    [`/api/v1/users/${id}`, '/api/v1/users/{id}'],
    [`/api/v1/users//${id}`, '/api/v1/users//{id}'],
    [`/api/v1/users/./${id}`, '/api/v1/users/{id}/{id}'],
    [`/api/v1/users/%20/42`, '/api/v1/users/{id}/{id}'],
    [`/api/v1/users;x/42`, '/api/v1/[redacted]/{id}'],
    [`/api/v1/user:${id}`, '/api/v1/[redacted]'],
    ['/users/ada@example.org/x', '/users/{id}/{id}'],
    ['/api/v1/settings/presets/my-secret-desk', '/api/v1/settings/presets/{name}'],
    ['/api/v1/settings/presets//my-secret-desk', '/api/v1/settings/presets//{name}'],
    ['/api/v1/settings/Pre%73ets/my-secret-desk', '/api/v1/settings/[redacted]/{name}'],
    ['/%75sers/42/x', '/[redacted]/{id}/{id}'],
    [`/login/${token}`, '/login/[redacted]'],
    [`/login/,${token}`, '/login/[redacted]'],
    ['/login;token=abc', '/[redacted]'],
    ['/login/token%3Dabc', '/login/[redacted]'],
    ...[`${key}%0A`, `%20${key}`, `%22${key}%22`, `Bearer%20${key}`, `key:${key}`, `${key},AAPL`].map(
      (segment) => [`/x/${segment}/y`, '/x/[redacted]/y'] as const,
    ),
  ] as const;
  for (const [path, logged] of replaced) t.is(loggedPath(path, 'unmatched'), logged);
});

test('the path of a route has the values of its parameters that are plain, and no other', (t) => {
  const cases = [
    ['/api/v1/webhooks/{id}/deliveries', `/api/v1/webhooks/${id}/deliveries`, `/api/v1/webhooks/${id}/deliveries`],
    ['/api/v1/assets/{symbol}/prices', '/api/v1/assets/%5EGSPC/prices', '/api/v1/assets/^GSPC/prices'],
    ['/api/v1/assets/{symbol}/prices', `/api/v1/assets/${key},AAPL/prices`, '/api/v1/assets/[redacted]/prices'],
    ['/api/v1/assets/{symbol}/prices', `/api/v1/assets/ada@example.org/prices`, '/api/v1/assets/[redacted]/prices'],
    ['/api/v1/api-keys/{id}', `/api/v1/api-keys/${key}%0A`, '/api/v1/api-keys/[redacted]'],
    ['/api/v1/users/{id}/sessions/revoke', `/api/v1/users/${id}/sessions/revoke`, '/api/v1/users/{id}/sessions/revoke'],
    ['/api/v1/users/{id}', `/api/v1/users/${id}/`, '/api/v1/users/{id}/'],
    ['/api/v1/settings/presets/{name}', '/api/v1/settings/presets/desk', '/api/v1/settings/presets/{name}'],
  ] as const;
  for (const [template, path, logged] of cases) t.is(loggedPath(path, template), logged);
});

test('a long path is cut', (t) => {
  const logged = loggedPath(`/${'word/'.repeat(2_000)}`, 'unmatched');
  t.is(logged.length, 257);
  t.true(logged.endsWith('…'));
});
