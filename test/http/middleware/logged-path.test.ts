import test from 'ava';
import { loggedPath } from '#src/http/middleware/logged-path.ts';

test('a path is logged as it was sent, without what may be personal data or a credential', (t) => {
  const kept = [
    '/api/v2/assets/AAPL',
    '/wp-admin/setup.php',
    '/api/v1/webhooks/018f3f2e-0000-7000-8000-0000000000aa/deliveries',
    '/.well-known/oauth-authorization-server',
    '/a%2',
    '/%E2%82%AC',
    '/api/v1/pricing/implied-volatility-of-everything',
  ];
  for (const path of kept) t.is(loggedPath(path, 'unmatched'), path);
  const replaced = [
    ['/reset/0123456789abcdef0123456789abcdef', '/reset/[redacted]'],
    ['/reset/ada@example.org/x', '/reset/[redacted]/x'],
    ['/reset/ada%40example.org', '/reset/[redacted]'],
    ['/reset/%61da%2540example.org', '/reset/%61da%2540example.org'],
    ['/api/v1/users/018f3f2e-0000-7000-8000-0000000000aa', '/api/v1/users/{id}'],
    ['/api/v1/users/018f3f2e-0000-7000-8000-0000000000aa/sessions/revoke', '/api/v1/users/{id}/sessions/revoke'],
    ['/users/ada@example.org/x', '/users/{id}/x'],
    ['/api/v1/settings/presets/my-secret-desk', '/api/v1/settings/presets/{name}'],
    ['/api/v1/settings/Pre%73ets/my-secret-desk', '/api/v1/settings/Pre%73ets/{name}'],
    ['/api/v1/settings/presets', '/api/v1/settings/presets'],
    ['/%75sers/42/x', '/%75sers/{id}/x'],
    ['/login/eyJhbGciOiJSUzI1NiJ9.e30.AA', '/login/[redacted]'],
    ['/login;token=abc', '/[redacted]'],
    ['/login/token%3Dabc', '/login/[redacted]'],
  ] as const;
  for (const [path, logged] of replaced) t.is(loggedPath(path, 'unmatched'), logged);
});

test('a long path is cut', (t) => {
  const logged = loggedPath(`/${'word/'.repeat(2_000)}`, 'unmatched');
  t.is(logged.length, 257);
  t.true(logged.endsWith('…'));
});
