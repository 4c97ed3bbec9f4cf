import test from 'ava';
import { basic, escaped, grant, inBody, secret, startEndpoints as start } from './endpoints.ts';

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
    error_description: "'scope' is given more than once: send it once",
    errors: [{ pointer: '/scope', code: 'repeated', detail: '"scope" is given more than once: send it once' }],
  });
  t.is((await token({ client_id: 'desk' })).body['error_description'], 'grant_type is required: send a string');
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
