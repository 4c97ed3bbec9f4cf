import { randomUUID } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';
import { strikesStream } from '#testkit/arrow/arrow-support.ts';
import { eventually } from '#testkit/eventually.ts';
import { newUser } from '#testkit/accounts/new-user.ts';
import { call, json, type Answer } from '#testkit/running-service.ts';
import type { Stack } from './stack.ts';

type Target = Pick<Stack, 'service'>;

const bearer = (token: unknown) => ({ Authorization: `Bearer ${String(token)}` });

const postForm = (url: string, form: Record<string, string>): Promise<Answer> =>
  call(url, { method: 'POST', body: new URLSearchParams(form) });

/** A new user registers, signs in in both ways, changes settings, manages an API key, and signs out. */
export const accountRound = async ({ service }: Target): Promise<void> => {
  const api = `${service.url}/api/v1`;
  const { credentials, login } = await newUser(api);
  const { body: renewed } = await postForm(`${api}/auth/token`, {
    grant_type: 'refresh_token',
    refresh_token: String(login.body['refresh_token']),
  });
  const authorized = bearer(renewed['access_token']);
  const version = (await call(`${api}/settings`, { headers: authorized })).headers.get('etag') ?? '';
  await call(`${api}/settings`, {
    ...json({ theme: 'dark' }, { ...authorized, 'If-Match': version }),
    method: 'PATCH',
  });

  const { body: key } = await call(`${api}/api-keys`, json({ name: 'round', scopes: [] }, authorized));
  await call(`${api}/api-keys`, { headers: authorized });
  await call(`${api}/auth/me`, { headers: { 'X-API-Key': String(key['key']) } });
  const keyUrl = `${api}/api-keys/${String(key['id'])}`;
  await call(keyUrl, { ...json({ name: 'renamed' }, authorized), method: 'PATCH' });
  await call(`${keyUrl}/rotate`, { method: 'POST', headers: authorized });
  await call(keyUrl, { method: 'DELETE', headers: authorized });

  const session = await call(`${api}/auth/login`, json({ ...credentials, session: true }));
  const cookie = { Cookie: session.headers.get('set-cookie')?.split(';')[0] ?? '', 'Sec-Fetch-Site': 'same-origin' };
  await call(`${api}/auth/logout`, { method: 'POST', headers: cookie });
  const csrf = { 'X-CSRF-Token': String(session.body['csrf_token']) };
  await call(`${api}/auth/logout`, { method: 'POST', headers: { ...cookie, ...csrf } });
  await postForm(`${api}/auth/revoke`, { token: String(renewed['access_token']) });
};

/** As if each user had confirmed the address by its message, because a second factor needs that. */
export const provedAddressesSql = 'update user_account set email_verified_at = now() where email_verified_at is null';

/** A new user adds a second factor, signs in with it, removes it, and ends the other sign-ins. */
export const secondFactorRound = async ({ service, sql }: Pick<Stack, 'service' | 'sql'>): Promise<void> => {
  const api = `${service.url}/api/v1`;
  const { credentials, login } = await newUser(api);
  const authorized = bearer(login.body['access_token']);
  await sql(provedAddressesSql);
  const made = await call(`${api}/account/totp`, { method: 'POST', headers: authorized });
  const totp = new TOTP({ secret: Secret.fromBase32(String(made.body['secret'])) });
  // Each code is accepted once, so the second one is of the next period.
  const codeIn = (seconds: number): string => totp.generate({ timestamp: Date.now() + seconds * 1_000 });
  await call(`${api}/account/totp`, { ...json({ code: codeIn(0) }, authorized), method: 'PUT' });
  const { body: first } = await call(`${api}/auth/login`, json(credentials));
  const token = first['second_factor_token'];
  const finish = (code: string): Promise<Answer> =>
    call(`${api}/auth/login/second-factor`, json({ second_factor_token: token, code }));
  await finish('no-recovery-code');
  await finish(codeIn(30));
  await call(`${api}/account/totp`, { method: 'DELETE', headers: authorized });
  await call(`${api}/account/sessions?keep_current=true`, { method: 'DELETE', headers: authorized });
};

/** An administrator reads a user and ends the sign-ins. @param token with the scope `users:admin` */
export const userAdminRound = async ({ service }: Target, token: string): Promise<void> => {
  const users = `${service.url}/api/v1/users`;
  const { body } = await call(`${users}?limit=1`, { headers: bearer(token) });
  const [user] = body['data'] as readonly { readonly id: string }[];
  const url = `${users}/${String(user?.id)}`;
  await call(url, { ...json({ role: 'auditor' }, { ...bearer(token), 'If-Match': '*' }), method: 'PATCH' });
  await call(`${url}/sessions/revoke`, { method: 'POST', headers: bearer(token) });
};

/** A pricing job with one chunk, until it is priced. */
export const pricingJobRound = async ({ service }: Target, token: string): Promise<void> => {
  const jobs = `${service.url}/api/v1/pricing/jobs`;
  const authorized = bearer(token);
  const opened = await call(jobs, json({}, { ...authorized, 'Idempotency-Key': randomUUID() }));
  const url = `${jobs}/${String(opened.body['id'])}`;
  const stream = strikesStream(Array.from({ length: 50 }, (_, index) => 80 + index));
  await call(`${url}/chunks/1`, {
    method: 'PUT',
    headers: { ...authorized, 'Content-Type': 'application/vnd.apache.arrow.stream' },
    body: Buffer.from(stream),
  });
  await call(`${url}/submit`, { method: 'POST', headers: authorized });
  const status = async () => (await call(url, { headers: authorized })).body['status'];
  await eventually(async () => (await status()) === 'completed', 'the pricing job is completed', 30_000);
};
