import { SpanStatusCode } from '@opentelemetry/api';
import { scopes } from '#src/kernel/requests/principal.ts';
import test from 'ava';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, type JSONWebKeySet } from 'jose';
import { captureSpans } from '#testkit/spans.ts';
import { audience, clientClaims, craft, enhancedClaims, goodHeader, issuer, now } from './setup.ts';
import { escaped, grant, inBody, startEndpoints as start } from './tokens/endpoints.ts';

test('client credentials by Basic give an RFC 9068 token with every scope of the client', async (t) => {
  const { token, metrics, call } = await start(t);
  const { response, body } = await token(grant, escaped);
  t.is(response.status, 200);
  t.is(response.headers.get('cache-control'), 'no-store');
  t.regex(response.headers.get('server-timing') ?? '', /auth;dur=/);
  const { access_token = '', ...rest } = body;
  t.deepEqual(rest as object, {
    token_type: 'Bearer',
    expires_in: 900,
    scope: scopes.join(' '),
  });

  const jwks = (await (await call('/.well-known/jwks.json')).json()) as JSONWebKeySet;
  const { payload } = await jwtVerify(access_token, createLocalJWKSet(jwks), {
    issuer,
    audience,
    typ: 'at+jwt',
    currentDate: new Date(now * 1000),
  });
  const { jti, ...claims } = payload;
  t.deepEqual(claims, {
    iss: issuer,
    aud: audience,
    sub: 'desk',
    client_id: 'desk',
    scope: rest.scope,
    iat: now,
    nbf: now,
    exp: now + 900,
  });
  t.regex(jti ?? '', /^[0-9a-f-]{36}$/);
  t.is(decodeProtectedHeader(access_token).kid, jwks.keys[0]?.kid);
  t.is(metrics.value('volwatch_auth_duration_seconds', { operation: 'issue_token', outcome: 'ok' }), 1);

  const me = await call('/api/v1/auth/me', { headers: { Authorization: `Bearer ${access_token}` } });
  t.deepEqual(await me.json(), {
    subject: 'desk',
    kind: 'client',
    scopes: [...scopes],
    token_format: 'client',
  });
});

test('client credentials by body; a parameter without a value counts as not sent', async (t) => {
  const { token } = await start(t);
  t.is((await token(inBody)).response.status, 200);
  t.is((await token({ ...grant, client_id: '', client_secret: '', scope: '' }, escaped)).response.status, 200);
  t.is((await token({ ...grant, client_id: 'desk' }, escaped)).response.status, 200);
});

test('a scope narrows the token', async (t) => {
  const { token } = await start(t);
  t.is((await token({ ...inBody, scope: 'ml:read market:refresh' })).body['scope'], 'market:refresh ml:read');
});

test('who a user is; a bad or missing token is challenged', async (t) => {
  const { call } = await start(t);
  const me = (authorization?: string) =>
    call('/api/v1/auth/me', authorization === undefined ? {} : { headers: { Authorization: authorization } });
  t.deepEqual(await (await me(`Bearer ${craft(goodHeader, enhancedClaims)}`)).json(), {
    subject: 'user-7',
    kind: 'user',
    email: 'ada@example.org',
    role: 'analyst',
    scopes: ['market:refresh', 'ml:read'],
    token_format: 'enhanced',
  });

  const expired = await me(`Bearer ${craft(goodHeader, { ...clientClaims, exp: now - 60 })}`);
  t.is(expired.status, 401);
  t.regex(expired.headers.get('www-authenticate') ?? '', /^Bearer error="invalid_token"/);
  t.like(await expired.json(), {
    code: 'token_expired',
    category: 'authentication',
    detail: 'Invalid or expired token: ExpiredTokenError',
  });

  const missing = await me();
  t.is(missing.status, 401);
  t.is(missing.headers.get('www-authenticate'), 'Bearer');
  t.like(await missing.json(), { code: 'credentials_missing' });
});

test('a token in the query or the body is no credential', async (t) => {
  const { call } = await start(t);
  const token = craft(goodHeader, clientClaims);
  const response = await call(`/api/v1/auth/me?access_token=${token}`);
  t.is(response.status, 401);
  t.like(await response.json(), { code: 'credentials_missing' });
});

test('the metadata names this service by its public URL, whatever the Host header says', async (t) => {
  const { call } = await start(t);
  const response = await call('/.well-known/oauth-authorization-server', {
    headers: { 'X-Forwarded-Host': 'evil.example' },
  });
  t.is(response.headers.get('cache-control'), 'public, max-age=300');
  t.like(await response.json(), {
    issuer: 'https://api.volwatch.test',
    token_endpoint: 'https://api.volwatch.test/api/v1/auth/token',
    jwks_uri: 'https://api.volwatch.test/.well-known/jwks.json',
    revocation_endpoint: 'https://api.volwatch.test/api/v1/auth/revoke',
    grant_types_supported: ['client_credentials', 'refresh_token'],
  });
});

test('without a bootstrap client nobody gets a token', async (t) => {
  const { token } = await start(t, { bootstrap: undefined });
  t.is((await token(inBody)).response.status, 401);
});

test.serial('a client store that fails is a fault of ours: 500, span ERROR, outcome error', async (t) => {
  const spans = captureSpans(t);
  const { token, metrics } = await start(t, {
    bootstrap: undefined,
    reader: { query: () => Promise.reject(new Error('disk')) },
  });
  const { response, body } = await token(inBody);
  t.is(response.status, 500);
  t.like(body, { code: 'auth_service_error', error: 'server_error' });
  t.is(metrics.value('volwatch_auth_duration_seconds', { operation: 'issue_token', outcome: 'error' }), 1);
  t.is(metrics.value('volwatch_auth_failures_total'), 0);
  const [span] = spans.named('auth.issue_token');
  t.is(span?.attributes['error.type'], 'auth_service_error');
  t.is(span?.status.code, SpanStatusCode.ERROR);
});

test.serial('issuing has its span, and a refused client its reason on it', async (t) => {
  const spans = captureSpans(t);
  const { token } = await start(t);
  await token(inBody);
  await token({ ...inBody, client_secret: 'x' });
  t.deepEqual(
    spans.named('auth.issue_token').map(({ attributes, status }) => [attributes, status.code]),
    [
      [{}, SpanStatusCode.UNSET],
      [{ 'error.type': 'client_credentials_invalid' }, SpanStatusCode.UNSET],
    ],
  );
});
