import { SpanStatusCode } from '@opentelemetry/api';
import test, { type ExecutionContext } from 'ava';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, type JSONWebKeySet } from 'jose';
import { serve } from '#test/http/support.ts';
import { captureSpans } from '#testkit/spans.ts';
import { audience, clientClaims, craft, enhancedClaims, goodHeader, issuer, now, setup, type Setup } from './setup.ts';

const start = async (t: ExecutionContext, overrides?: Parameters<typeof setup>[0]) => {
  const room: Setup = setup(overrides);
  const { call } = await serve(t, { routes: room.auth.routes, authenticate: room.auth.authenticate });
  const token = async (form: Record<string, string> | string, headers: Record<string, string> = {}) => {
    const body = new URLSearchParams(form).toString();
    const type = 'application/x-www-form-urlencoded';
    const response = await call('/api/v1/auth/token', {
      method: 'POST',
      body,
      headers: { 'Content-Type': type, ...headers },
    });
    return { response, body: (await response.json()) as Record<string, string> };
  };
  return { ...room, call, token };
};

const secret = 'a secret: 100%+';
const basic = (id: string, password: string) => ({
  Authorization: `Basic ${Buffer.from(`${id}:${password}`).toString('base64')}`,
});
const escaped = basic('desk', encodeURIComponent(secret));
const grant = { grant_type: 'client_credentials' };
const inBody = { ...grant, client_id: 'desk', client_secret: secret };

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
    scope: 'market:refresh ml:read audit:read users:admin',
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
    scopes: ['market:refresh', 'ml:read', 'audit:read', 'users:admin'],
    token_format: 'client',
  });
});

test('client credentials by body; a parameter without a value counts as not sent', async (t) => {
  const { token } = await start(t);
  t.is((await token(inBody)).response.status, 200);
  t.is((await token({ ...grant, client_id: '', client_secret: '', scope: '' }, escaped)).response.status, 200);
  t.is((await token({ ...grant, client_id: 'desk' }, escaped)).response.status, 200);
});

test('a secret with + / and % works by Basic, form-encoded and raw', async (t) => {
  const secrets = ['a secret: 100%+', '100%', 'a+b/c==', '%zz', 'plain%41', 'a b', 'ü+%C3%BC', 'x%2Bx'];
  const formEncoded = (text: string) => new URLSearchParams({ text }).toString().slice('text='.length);
  for (const own of secrets) {
    const { token } = await start(t, { bootstrap: { id: 'desk/1+', secret: own } });
    for (const [what, headers] of [
      ['percent-encoded', basic(encodeURIComponent('desk/1+'), encodeURIComponent(own))],
      ['form-encoded', basic(formEncoded('desk/1+'), formEncoded(own))],
      ['raw', basic('desk/1+', own)],
      ['raw, with the id in the form', basic('desk/1+', own)],
    ] as const) {
      const form = what.endsWith('form') ? { ...grant, client_id: 'desk/1+' } : grant;
      t.is((await token(form, headers)).response.status, 200, `${what}: ${own}`);
    }
    t.is((await token({ ...grant, client_id: 'desk/1+', client_secret: own })).response.status, 200, own);
    t.is((await token(grant, basic('desk/1+', `${own}%`))).response.status, 401, own);
  }
});

test('unknown parameters are ignored (RFC 6749 section 3.2)', async (t) => {
  const { token } = await start(t);
  const { response } = await token({ ...inBody, resource: 'https://api.example', audience: 'x', __proto__x: '1' });
  t.is(response.status, 200);
});

test('a fault is described in error_description, with the parameter', async (t) => {
  const { token, call } = await start(t);
  t.like((await token('scope=ml%3Aread&scope=ml%3Aread&grant_type=client_credentials')).body, {
    error_description: 'scope: Given more than once',
    errors: [{ pointer: '/scope', code: 'repeated', detail: 'Given more than once' }],
  });
  t.is((await token({ client_id: 'desk' })).body['error_description'], 'grant_type: Required');
  const broken = await call('/api/v1/auth/token', {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: 'grant_type=%zz',
  });
  t.is(broken.status, 400);
  t.like(await broken.json(), {
    error: 'invalid_request',
    code: 'malformed_body',
    error_description: 'The form has a broken percent-encoding',
  });
});

test('a scope narrows the token', async (t) => {
  const { token } = await start(t);
  t.is((await token({ ...inBody, scope: 'ml:read market:refresh' })).body['scope'], 'market:refresh ml:read');
});

const refusals: [string, Record<string, string> | string, Record<string, string>, number, string, string][] = [
  ['a wrong secret', { ...inBody, client_secret: 'x' }, {}, 401, 'client_credentials_invalid', 'invalid_client'],
  ['an unknown client', { ...inBody, client_id: 'x' }, {}, 401, 'client_credentials_invalid', 'invalid_client'],
  ['no client', grant, {}, 401, 'client_credentials_invalid', 'invalid_client'],
  ['no secret', { ...grant, client_id: 'desk' }, {}, 401, 'client_credentials_invalid', 'invalid_client'],
  ['a wrong secret by Basic', grant, basic('desk', 'x'), 401, 'client_credentials_invalid', 'invalid_client'],
  [
    'Basic without a colon',
    grant,
    { Authorization: 'Basic ZGVzaw==' },
    401,
    'client_credentials_invalid',
    'invalid_client',
  ],
  [
    'Basic that is no base64',
    grant,
    { Authorization: 'Basic ***' },
    401,
    'client_credentials_invalid',
    'invalid_client',
  ],
  ['another scheme', inBody, { Authorization: 'Bearer x' }, 401, 'client_credentials_invalid', 'invalid_client'],
  ['Basic and body', inBody, escaped, 400, 'oauth_request_invalid', 'invalid_request'],
  ['two client ids', { ...grant, client_id: 'other' }, escaped, 400, 'oauth_request_invalid', 'invalid_request'],
  [
    'the password grant',
    { ...inBody, grant_type: 'password' },
    {},
    400,
    'oauth_request_invalid',
    'unsupported_grant_type',
  ],
  ['an unknown scope', { ...inBody, scope: 'root' }, {}, 400, 'oauth_request_invalid', 'invalid_scope'],
  [
    'a scope list with two blanks',
    { ...inBody, scope: 'ml:read  audit:read' },
    {},
    400,
    'oauth_request_invalid',
    'invalid_scope',
  ],
  ...(
    [
      ['no grant type', { client_id: 'desk', client_secret: secret }],
      ['an empty grant type', { ...inBody, grant_type: '' }],
      ['an empty form', ''],
      ['a repeated grant type', 'grant_type=client_credentials&grant_type=password'],
      ['a repeated scope', 'grant_type=client_credentials&scope=ml%3Aread&scope=audit%3Aread'],
    ] as const
  ).map(
    ([what, form]) =>
      [what, form, {}, 400, form === '' ? 'malformed_body' : 'oauth_request_invalid', 'invalid_request'] as never,
  ),
  [
    'the password grant with its parameters',
    { grant_type: 'password', username: 'ada', password: 'x' },
    {},
    400,
    'oauth_request_invalid',
    'unsupported_grant_type',
  ],
  [
    'an extension grant with a long name',
    { ...inBody, grant_type: `urn:${'x'.repeat(300)}` },
    {},
    400,
    'oauth_request_invalid',
    'unsupported_grant_type',
  ],
  ['JSON', { ...grant }, { 'Content-Type': 'application/json' }, 415, 'unsupported_media_type', 'invalid_request'],
];
for (const [what, form, headers, status, code, error] of refusals) {
  test(`refused: ${what}`, async (t) => {
    const { token, metrics } = await start(t);
    const { response, body } = await token(form, headers);
    t.is(response.status, status);
    t.regex(response.headers.get('content-type') ?? '', /^application\/json/);
    t.like(body, { code, error });
    t.truthy(body['error_description']);
    t.is(response.headers.get('www-authenticate')?.startsWith('Basic realm=') ?? false, status === 401);
    t.is(
      metrics.value('volwatch_auth_failures_total', { reason: 'client_credentials_invalid' }),
      status === 401 ? 1 : 0,
    );
    t.notRegex(JSON.stringify(body), /a secret/);
  });
}

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
