import { createHash } from 'node:crypto';
import { SpanStatusCode } from '@opentelemetry/api';
import test from 'ava';
import * as fc from 'fast-check';
import { isCanonicalBase64url, parseStrictObject } from '#src/auth/tokens/strict-json.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { noFaults } from '#src/kernel/catalogue/faults.ts';
import { runInRequest, type RequestContext } from '#src/kernel/requests/request-context.ts';
import { captureSpans } from '#testkit/spans.ts';
import { clientClaims, craft, enhancedClaims, goodHeader, keys, kids, legacyClaims, now, setup } from '../setup.ts';

const scopes = ['market:refresh', 'ml:read'];
const bareLegacy = craft({ alg: 'RS256' }, legacyClaims);
const enhancedUser = {
  kind: 'user',
  subject: 'user-7',
  email: 'ada@example.org',
  role: 'analyst',
  scopes,
  tokenFormat: 'enhanced',
  tokenId: 'token-1',
  tokenIssuedAt: now - 10,
  tokenExpiresAt: now + 600,
};
const accepted: [string, string, object][] = [
  [
    'a client token',
    craft(goodHeader, clientClaims),
    {
      kind: 'client',
      subject: 'desk',
      scopes,
      tokenFormat: 'client',
      tokenId: 'token-1',
      tokenIssuedAt: now - 10,
      tokenExpiresAt: now + 600,
    },
  ],
  ['an enhanced user token', craft(goodHeader, enhancedClaims), enhancedUser],
  [
    'an enhanced user token with the id of an account in capital letters',
    craft(goodHeader, { ...enhancedClaims, sub: '01A21B88-2F4D-7BBE-9CC7-B88DD739FB6C' }),
    { ...enhancedUser, subject: '01a21b88-2f4d-7bbe-9cc7-b88dd739fb6c' },
  ],
  [
    'a legacy user token without typ, kid, email, jti, nbf, iat',
    bareLegacy,
    {
      kind: 'user',
      subject: 'user-7',
      email: 'ada@example.org',
      role: 'analyst',
      scopes,
      tokenFormat: 'legacy',
      tokenId: `sha256:${createHash('sha256').update(bareLegacy.split('.').slice(0, 2).join('.')).digest('base64url')}`,
      tokenExpiresAt: now + 600,
    },
  ],
  [
    'a legacy user token with all of them',
    craft(goodHeader, { ...legacyClaims, email: 'ada@example.org', jti: 'token-1', nbf: now, iat: now }),
    {
      kind: 'user',
      subject: 'user-7',
      email: 'ada@example.org',
      role: 'analyst',
      scopes,
      tokenFormat: 'legacy',
      tokenId: 'token-1',
      tokenIssuedAt: now,
      tokenExpiresAt: now + 600,
    },
  ],
];
for (const [what, token, principal] of accepted) {
  test(`accepted: ${what}`, async (t) => {
    const { show, metrics } = setup();
    t.deepEqual(await show(`Bearer ${token}`), principal as never);
    const { tokenFormat: format } = principal as { tokenFormat: string };
    t.is(metrics.value('volwatch_auth_tokens_total', { format }), 1);
    t.is(metrics.value('volwatch_auth_duration_seconds', { operation: 'verify_token', outcome: 'ok' }), 1);
    t.is(metrics.value('volwatch_auth_failures_total'), 0);
  });
}

const variants: [string, string][] = [
  [
    'EdDSA by a listed key',
    craft({ ...goodHeader, alg: 'EdDSA', kid: kids.further }, clientClaims, keys.further.privateKey),
  ],
  ['typ with its media type prefix', craft({ ...goodHeader, typ: 'application/AT+JWT' }, clientClaims)],
  ['one of several audiences', craft(goodHeader, { ...clientClaims, aud: ['other', clientClaims.aud] })],
  [
    'scopes that this service does not know',
    craft(goodHeader, { ...clientClaims, scope: 'a market:refresh b ml:read' }),
  ],
  [
    'clocks apart within the tolerance',
    craft(goodHeader, { ...clientClaims, nbf: now + 5, iat: now + 5, exp: now - 4 }),
  ],
  ['fractions of seconds', craft(goodHeader, { ...clientClaims, iat: now - 0.5, exp: now + 0.5 })],
  ['unread claims', craft(goodHeader, { ...clientClaims, __proto__x: 1, nested: { sub: 'x', list: [{ sub: 'y' }] } })],
  ['a jku that nobody follows', craft({ ...goodHeader, jku: 'http://127.0.0.1:1/' }, clientClaims)],
];
for (const [what, token] of variants) {
  test(`accepted: ${what}`, async (t) => {
    const { show } = setup();
    const principal = await show(`Bearer ${token}`);
    t.is(principal?.subject, 'desk');
    t.deepEqual(principal?.scopes as string[], scopes);
  });
}

test('a dependency that fails during verification gives its own error, anything else auth_service_error', async (t) => {
  const token = `Bearer ${craft(goodHeader, clientClaims)}`;
  const down = setup({ isRevoked: () => Promise.reject(new AppError('database_unavailable')) });
  const broken = setup({ isRevoked: () => Promise.reject(new TypeError('secret detail')) });
  t.is((await t.throwsAsync(down.show(token), { instanceOf: AppError }))?.code, 'database_unavailable');
  const error = await t.throwsAsync(broken.show(token), { instanceOf: AppError });
  t.is(error?.code, 'auth_service_error');
  t.is(error?.definition.status, 500);
  t.notRegex(error?.message ?? '', /secret/);
  for (const { metrics } of [down, broken]) {
    t.is(metrics.value('volwatch_auth_duration_seconds', { operation: 'verify_token', outcome: 'error' }), 1);
    t.is(metrics.value('volwatch_auth_failures_total'), 0);
  }
});

test('the fault point auth.verify is reached before the token is read', async (t) => {
  const { show } = setup({
    faults: {
      ...noFaults,
      armed: (point) => point === 'auth.verify',
      reach: () => Promise.reject(new AppError('auth_service_error')),
    },
  });
  t.is((await t.throwsAsync(show('Bearer rubbish'), { instanceOf: AppError }))?.code, 'auth_service_error');
});

test('an injected refusal of the token looks as a real one, challenge included', async (t) => {
  const { show } = setup({
    faults: {
      ...noFaults,
      armed: (point) => point === 'auth.verify',
      reach: () => Promise.reject(new AppError('token_expired', 'Injected fault at auth.verify')),
    },
  });
  const error = await t.throwsAsync(show(`Bearer ${craft(goodHeader, clientClaims)}`), { instanceOf: AppError });
  t.is(error?.message, 'Invalid or expired token: ExpiredTokenError');
  t.regex(error?.headers['WWW-Authenticate'] ?? '', /^Bearer error="invalid_token"/);
});

test('verification takes its part of Server-Timing', async (t) => {
  const { show } = setup();
  const context: RequestContext = {
    requestId: 'r',
    traceId: 't',
    clientIp: '127.0.0.1',
    signal: AbortSignal.timeout(1000),
    timings: {},
  };
  await runInRequest(context, () => show(`Bearer ${craft(goodHeader, clientClaims)}`));
  t.true((context.timings.auth ?? 0) > 0);
});

test.serial('the span says why: error.type always, status ERROR only for a fault of ours', async (t) => {
  const spans = captureSpans(t);
  const token = `Bearer ${craft(goodHeader, clientClaims)}`;
  await setup().show(token);
  await t.throwsAsync(setup().show('Bearer x'));
  await t.throwsAsync(setup({ isRevoked: () => Promise.reject(new Error('x')) }).show(token));
  t.deepEqual(
    spans.named('auth.verify_token').map(({ name, attributes, status }) => [name, attributes, status.code]),
    [
      ['auth.verify_token', {}, SpanStatusCode.UNSET],
      ['auth.verify_token', { 'error.type': 'token_malformed' }, SpanStatusCode.UNSET],
      ['auth.verify_token', { 'error.type': 'auth_service_error' }, SpanStatusCode.ERROR],
    ],
  );
});

test('strict parsing reads whatever JSON.stringify writes, and base64url whatever Buffer writes', (t) => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const text = JSON.stringify(value);
      t.deepEqual(parseStrictObject(Buffer.from(text)), JSON.parse(text));
    }),
  );
  fc.assert(fc.property(fc.uint8Array(), (bytes) => isCanonicalBase64url(Buffer.from(bytes).toString('base64url'))));
});

test('of all texts that decode to the same bytes, one is canonical', (t) => {
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9_-]{0,12}$/), (text) => {
      t.is(isCanonicalBase64url(text), Buffer.from(text, 'base64url').toString('base64url') === text);
    }),
  );
});

test('a mutated token never passes and never fails for a reason of ours', async (t) => {
  const { show } = setup();
  const token = craft(goodHeader, clientClaims);
  await fc.assert(
    fc.asyncProperty(fc.nat(token.length - 1), fc.string({ minLength: 1, maxLength: 3 }), async (at, text) => {
      const mutated = token.slice(0, at) + text + token.slice(at + 1);
      if (mutated.trim() === token) return;
      const error = await t.throwsAsync(show(`Bearer ${mutated}`), { instanceOf: AppError });
      t.is(error?.definition.status, 401);
    }),
    { numRuns: 300 },
  );
});
