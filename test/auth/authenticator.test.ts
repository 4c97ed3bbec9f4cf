import test from 'ava';
import { AppError, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import { clientClaims, craft, goodHeader, setup } from './setup.ts';

const token = craft(goodHeader, clientClaims);

const challenged: [string, string | undefined, ErrorCode, string][] = [
  ['no header', undefined, 'credentials_missing', 'Bearer'],
  ['an empty header', '', 'credentials_missing', 'Bearer'],
  ['Basic', 'Basic ZGVzazpzZWNyZXQ=', 'credentials_missing', 'Bearer'],
  ['Digest', 'Digest username="desk"', 'credentials_missing', 'Bearer'],
  ['a bare token', token, 'credentials_missing', 'Bearer'],
  ['a scheme that begins with Bearer', `Bearers ${token}`, 'credentials_missing', 'Bearer'],
  ['Bearer alone', 'Bearer', 'token_malformed', 'Bearer error="invalid_token"'],
  ['Bearer and blanks', 'Bearer   ', 'token_malformed', 'Bearer error="invalid_token"'],
  ['two tokens', `Bearer ${token} ${token}`, 'token_malformed', 'Bearer error="invalid_token"'],
  ['two schemes', `Bearer Bearer ${token}`, 'token_malformed', 'Bearer error="invalid_token"'],
  ['a quoted token', `Bearer "${token}"`, 'token_malformed', 'Bearer error="invalid_token"'],
];
for (const [what, authorization, code, challenge] of challenged) {
  test(`${what} is ${code}`, async (t) => {
    const { show, metrics } = setup();
    const error = await t.throwsAsync(show(authorization), { instanceOf: AppError });
    t.is(error?.code, code);
    t.is(error?.definition.status, 401);
    const sent = error?.headers['WWW-Authenticate'] ?? '';
    t.true(challenge === 'Bearer' ? sent === challenge : sent.startsWith(challenge));
    t.is(metrics.value('volwatch_auth_failures_total', { reason: code }), 1);
  });
}

for (const scheme of ['Bearer', 'bearer', 'BEARER', 'Bearer ']) {
  test(`the scheme is read in any casing: "${scheme}"`, async (t) => {
    t.is((await setup().show(`${scheme} ${token}`))?.subject, 'desk');
  });
}

test('a scope that the token holds lets in; one that it lacks is 403 with the scope named', async (t) => {
  const { show, metrics } = setup();
  t.is((await show(`Bearer ${token}`, { scope: 'market:refresh' }))?.subject, 'desk');
  const error = await t.throwsAsync(show(`Bearer ${token}`, { scope: 'users:admin' }), { instanceOf: AppError });
  t.is(error?.code, 'scope_insufficient');
  t.is(error?.definition.status, 403);
  t.is(
    error?.headers['WWW-Authenticate'],
    'Bearer error="insufficient_scope", error_description="The token lacks the scope users:admin", scope="users:admin"',
  );
  t.is(metrics.value('volwatch_auth_failures_total'), 0);
});

test('a scope that only begins alike is not held', async (t) => {
  const almost = craft(goodHeader, {
    ...clientClaims,
    scope: 'market:refresher market:refresh,ml:read MARKET:REFRESH',
  });
  const error = await t.throwsAsync(setup().show(`Bearer ${almost}`, { scope: 'market:refresh' }), {
    instanceOf: AppError,
  });
  t.is(error?.code, 'scope_insufficient');
});

test('a public route looks at no credentials, good or bad', async (t) => {
  const { show, metrics } = setup();
  t.is(await show(`Bearer ${token}`, 'public'), undefined);
  t.is(await show('Bearer rubbish', 'public'), undefined);
  t.is(metrics.value('volwatch_auth_duration_seconds'), 0);
});
