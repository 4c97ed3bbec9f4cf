import test from 'ava';
import { createLoggedPath } from '#src/http/middleware/logged-path.ts';

const key = 'vwk_p986rf6q_2oa6n0123456789abcdefghijklmnopqrstuvwxyzABCD-g';
const token = 'eyJhbGciOiJSUzI1NiJ9.e30.AA';
const id = '018f3f2e-0000-7000-8000-0000000000aa';

const words = new Set(['api', 'v1', 'assets', 'users', 'settings', 'presets', 'word', '.well-known']);
const loggedPath = createLoggedPath(words);

test('a path of no route is logged with the words of routes alone', (t) => {
  for (const path of ['/api/v1/assets', '/.well-known/users', '//v1//']) t.is(loggedPath(path, 'unmatched'), path);
  const replaced = [
    ['/api/v2/assets/AAPL', '/api/[redacted]/assets/[redacted]'],
    ['/api/v1/Assets', '/api/v1/[redacted]'],
    ['/api/v1/hunter2', '/api/v1/[redacted]'],
    ['/api/v1/ada@example.org', '/api/v1/[redacted]'],
    ['/api/v1/%75sers', '/api/v1/[redacted]'],
    ['/api/v1/%E2%82%AC/a%2', '/api/v1/[redacted]/[redacted]'],
    [`/api/v1/users//${id}`, '/api/v1/users//[redacted]'],
    [`/api/v1/users;x/${id}`, '/api/v1/[redacted]/[redacted]'],
    ['/api/v1/settings/presets//my-desk', '/api/v1/settings/presets//[redacted]'],
    ...[key, token, `${key}%0A`, `%20${key}`, `key:${key}`, `${key},AAPL`, `assets${key}`].map(
      (segment) => [`/api/${segment}/v1`, '/api/[redacted]/v1'] as const,
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
    ['/api/v1/users/{id}', `/api/v1/users/${id}/`, '/api/v1/users/[redacted]/'],
    ['/api/v1/settings/presets/{name}', '/api/v1/settings/presets/desk', '/api/v1/settings/presets/{name}'],
  ] as const;
  for (const [template, path, logged] of cases) t.is(loggedPath(path, template), logged);
});

test('a long path is cut', (t) => {
  const logged = loggedPath(`/${'word/'.repeat(2_000)}`, 'unmatched');
  t.is(logged.length, 257);
  t.true(logged.endsWith('…'));
});
