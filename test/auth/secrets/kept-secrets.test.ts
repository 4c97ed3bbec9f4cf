import test from 'ava';
import { Secret, TOTP } from 'otpauth';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { tokenOfMessage } from '#testkit/examples/token-of-message.ts';
import { call, json, scrape, serve } from '#testkit/running-service.ts';
import { startOtlpReceiver } from '#testkit/servers/otlp-receiver.ts';

const user = { email: 'secrets@example.org', password: 'a rather long sentence' };

test('no secret of an account is in logs, spans, metrics, errors or, in clear, in the database', async (t) => {
  const database = await setupDatabase(t);
  const collector = await startOtlpReceiver(t);
  const service = await serve(
    t,
    {
      DATABASE_URL: database.url,
      JOBS_POLL_MS: '500',
      LOG_LEVEL: 'debug',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    },
    { startTimeoutMs: 120_000 },
  );
  await service.ready(120_000);
  const secrets: Record<string, string> = { password: user.password };
  const errors: string[] = [];
  const send = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const url = `${service.url}/api/v1${path}`;
    const answer = await call(url, body === undefined ? { method, headers } : { ...json(body, headers), method });
    if (answer.status >= 400) errors.push(answer.text);
    return answer;
  };
  const keep = (name: string, value: unknown): string => {
    t.regex(String(value), /^.{6,}$/s, name);
    secrets[name] = String(value);
    return String(value);
  };
  const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

  // Messages: each token is used once with success, and once more.
  await send('POST', '/auth/register', user);
  const verification = await tokenOfMessage(service, user.email, 'Confirm your e-mail address');
  keep('verification token', verification);
  for (const status of [200, 400]) t.is((await send('PUT', '/account/email', { token: verification })).status, status);
  await send('POST', '/account/password-reset', { email: user.email });
  const reset = keep('reset token', await tokenOfMessage(service, user.email, 'Reset your password'));
  const password = keep('new password', 'another rather long sentence');
  const change = { token: reset, new_password: password };
  for (const status of [204, 400]) t.is((await send('PUT', '/account/password-reset', change)).status, status);
  await send('POST', '/auth/login', user);

  // Tokens and a session.
  const login = await send('POST', '/auth/login', { email: user.email, password });
  keep('access token', login.body['access_token']);
  const refresh = keep('refresh token', login.body['refresh_token']);
  const form = { method: 'POST', body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refresh }) };
  const refreshed = await call(`${service.url}/api/v1/auth/token`, form);
  keep('second access token', refreshed.body['access_token']);
  keep('second refresh token', refreshed.body['refresh_token']);
  errors.push((await call(`${service.url}/api/v1/auth/token`, { ...form, body: new URLSearchParams(form.body) })).text);
  const again = await send('POST', '/auth/login', { email: user.email, password });
  const token = keep('third access token', again.body['access_token']);
  const session = await send('POST', '/auth/login', { email: user.email, password, session: true });
  const cookie = (session.headers.get('set-cookie') ?? '').split(';')[0]!;
  keep('session token', cookie.split('=')[1]);
  keep('CSRF token', session.body['csrf_token']);
  await send('POST', '/api-keys', { name: 'k', scopes: [] }, { cookie, 'X-CSRF-Token': 'wrong' });
  const key = await send('POST', '/api-keys', { name: 'k', scopes: [] }, bearer(token));
  await send('GET', '/auth/me', undefined, { 'X-API-Key': keep('API key', key.body['key']) });

  // The second factor.
  const totp = await send('POST', '/account/totp', undefined, bearer(token));
  const secret = Secret.fromBase32(keep('TOTP secret', totp.body['secret']));
  const code = () => new TOTP({ secret, algorithm: 'SHA1', digits: 6, period: 30 }).generate();
  const enabled = await send('PUT', '/account/totp', { code: code() }, bearer(token));
  t.is(enabled.status, 200, enabled.text);
  const recovery = enabled.body['recovery_codes'] as string[];
  for (const [index, each] of recovery.entries()) keep(`recovery code ${index}`, each);
  const waiting = await call(`${service.url}/api/v1/auth/login`, json({ email: user.email, password }));
  t.is(waiting.status, 401);
  const step = keep('token of the second step', waiting.body['second_factor_token']);
  const second = { second_factor_token: step, code: recovery[0] };
  for (const status of [200, 401]) t.is((await send('POST', '/auth/login/second-factor', second)).status, status);

  const tables = await database.query(
    `select table_schema || '.' || table_name as name from information_schema.tables
     where table_schema in ('public', 'pgboss') and table_type = 'BASE TABLE'`,
  );
  const dump: string[] = [];
  for (const { name } of tables) {
    const rows = await database.query(`select coalesce(string_agg(r::text, ''), '') as text from ${String(name)} r`);
    dump.push(String(rows[0]?.['text']));
  }
  const spansText = () => collector.bytes().toString('latin1');
  await eventually(() => spansText().includes('/auth/login/second-factor'), 'the spans are exported', 30_000);
  const places = {
    log: JSON.stringify(service.log),
    spans: spansText(),
    metrics: await scrape(service),
    errors: errors.join('\n'),
    database: dump.join('\n'),
  };
  t.true(places.database.includes(user.email), 'the dump has the account');
  t.true(errors.length >= 6);
  for (const [place, text] of Object.entries(places)) {
    t.true(text.length > 100, place);
    for (const [name, value] of Object.entries(secrets)) {
      // Binary columns are shown as hexadecimal digits.
      const forms = [value, Buffer.from(value).toString('hex'), Buffer.from(value).toString('base64')];
      if (name === 'TOTP secret') forms.push(Buffer.from(secret.bytes).toString('hex'));
      t.deepEqual(
        forms.filter((each) => text.includes(each)),
        [],
        `${place} has the ${name}`,
      );
    }
  }
});
