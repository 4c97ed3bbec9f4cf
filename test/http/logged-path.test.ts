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
    ['/users/ada@example.org/x', '/users/[redacted]/x'],
    ['/users/ada%40example.org', '/users/[redacted]'],
    ['/users/%61da%2540example.org', '/users/%61da%2540example.org'],
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
