import { randomUUID } from 'node:crypto';
import { arrowStream } from '#testkit/arrow/arrow-support.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, json, type Answer } from '#testkit/running-service.ts';
import type { Stack } from './stack.ts';

type Target = Pick<Stack, 'service'>;

const bearer = (token: unknown) => ({ Authorization: `Bearer ${String(token)}` });

const postForm = (url: string, form: Record<string, string>): Promise<Answer> =>
  call(url, { method: 'POST', body: new URLSearchParams(form) });

/** A new user registers, signs in in both ways, changes settings, manages an API key, and signs out. */
export const accountRound = async ({ service }: Target): Promise<void> => {
  const api = `${service.url}/api/v1`;
  const credentials = { email: `${randomUUID()}@example.org`, password: `${randomUUID()} ${randomUUID()}` };
  await call(`${api}/auth/register`, json(credentials));
  const { body: pair } = await call(`${api}/auth/login`, json(credentials));
  const { body: renewed } = await postForm(`${api}/auth/token`, {
    grant_type: 'refresh_token',
    refresh_token: String(pair['refresh_token']),
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
  await call(`${api}/api-keys/${String(key['id'])}`, { method: 'DELETE', headers: authorized });

  const session = await call(`${api}/auth/login`, json({ ...credentials, session: true }));
  const cookie = { Cookie: session.headers.get('set-cookie')?.split(';')[0] ?? '', 'Sec-Fetch-Site': 'same-origin' };
  await call(`${api}/auth/logout`, { method: 'POST', headers: cookie });
  const csrf = { 'X-CSRF-Token': String(session.body['csrf_token']) };
  await call(`${api}/auth/logout`, { method: 'POST', headers: { ...cookie, ...csrf } });
  await postForm(`${api}/auth/revoke`, { token: String(renewed['access_token']) });
};

/** A pricing job with one chunk, until it is priced. */
export const pricingJobRound = async ({ service }: Target, token: string): Promise<void> => {
  const jobs = `${service.url}/api/v1/pricing/jobs`;
  const authorized = bearer(token);
  const opened = await call(jobs, json({}, { ...authorized, 'Idempotency-Key': randomUUID() }));
  const url = `${jobs}/${String(opened.body['id'])}`;
  const strikes = Array.from({ length: 50 }, (_, index) => 80 + index);
  const same = (value: number): number[] => strikes.map(() => value);
  const stream = arrowStream({
    spot: same(100),
    strike: strikes,
    time_to_expiry: same(0.5),
    rate: same(0.03),
    volatility: same(0.2),
    option_type: strikes.map(() => 'call'),
  });
  await call(`${url}/chunks/1`, {
    method: 'PUT',
    headers: { ...authorized, 'Content-Type': 'application/vnd.apache.arrow.stream' },
    body: Buffer.from(stream),
  });
  await call(`${url}/submit`, { method: 'POST', headers: authorized });
  const status = async () => (await call(url, { headers: authorized })).body['status'];
  await eventually(async () => (await status()) === 'completed', 'the pricing job is completed', 30_000);
};
