import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, json, serve, takeToken, type Answer } from '#testkit/running-service.ts';
import type { Service } from '#testkit/service.ts';

const person = { email: 'ada@example.org', password: 'a rather long sentence' };
const production = { NODE_ENV: 'production', FAULT_INJECTION: 'false', RATE_LIMIT_ENABLED: 'true' };
const defaults = { DATABASE_ACQUIRE_TIMEOUT_MS: '5000', TRUSTED_PROXIES: '127.0.0.1' };

const me = (service: Service, headers: Readonly<Record<string, string>>): Promise<Answer> =>
  call(`${service.url}/api/v1/auth/me`, { headers });
const newKey = async (service: Service, token: string): Promise<Record<string, string>> => {
  const headers = { Authorization: `Bearer ${token}` };
  const { body } = await call(`${service.url}/api/v1/api-keys`, json({ name: 'nightly', scopes: [] }, headers));
  return { 'X-API-Key': String(body['key']) };
};
const isGone = async (service: Service, headers: Readonly<Record<string, string>>): Promise<boolean> =>
  (await me(service, headers)).body['code'] === 'credential_owner_gone';

test.serial('in production: credentials end with their owner, and guesses lock nobody out', async (t) => {
  const database = await setupDatabase(t);
  const environment = {
    ...production,
    ...defaults,
    DATABASE_URL: database.url,
    REDIS_URL: process.env['TEST_REDIS_URL'],
    RATE_LIMIT_LOGIN_PER_MINUTE: '1000',
    RATE_LIMIT_ACCOUNT_ATTEMPTS: '3',
  };
  const service = await serve(t, environment);
  await service.logged(({ message }) => message === 'started', 90_000);
  const login = (from: string, password = person.password): Promise<Answer> =>
    call(`${service.url}/api/v1/auth/login`, json({ ...person, password }, { 'X-Forwarded-For': from }));

  await call(`${service.url}/api/v1/auth/register`, json(person, { 'X-Forwarded-For': '198.51.100.1' }));
  const { body } = await login('198.51.100.1');
  for (let guess = 0; guess < 3; guess += 1) t.is((await login('203.0.113.66', 'a wrong guess')).status, 401);
  t.is((await login('203.0.113.66', 'a wrong guess')).status, 429);
  t.is((await login('198.51.100.1')).status, 200);

  const token = String(body['access_token']);
  const user = [{ Authorization: `Bearer ${token}` }, await newKey(service, token)];
  for (const shown of user) t.is((await me(service, shown)).status, 200);
  const clientToken = await takeToken(service);
  const clients = [{ Authorization: `Bearer ${clientToken}` }, await newKey(service, clientToken)];
  for (const shown of clients) t.is((await me(service, shown)).status, 200);

  await database.query('delete from user_account');
  for (const shown of user)
    await eventually(() => isGone(service, shown), 'the credential of the deleted user is refused');
  t.is(await service.stop(), 0);

  const without = { BOOTSTRAP_CLIENT_ID: undefined, BOOTSTRAP_CLIENT_SECRET: undefined };
  const later = await serve(t, { ...environment, ...without });
  await later.logged(({ message }) => message === 'started', 90_000);
  for (const shown of clients) {
    let code: unknown;
    const isRefused = async (): Promise<boolean> => {
      ({ code } = (await me(later, shown)).body);
      return code === 'credential_owner_gone';
    };
    // Refused credentials are limited too, so faster questions would be answered 429 for a minute.
    const expected = (): string => `the credential of the removed client is refused, not ${String(code)}`;
    await eventually(isRefused, expected, 30_000, 1_000);
  }
  const lines = JSON.stringify([...service.log, ...later.log]);
  for (const hidden of [person.email, person.password, token, '198.51.100.1', '203.0.113.66']) {
    t.false(lines.includes(hidden), hidden);
  }
  t.true(lines.includes('login_throttled') && lines.includes('credential_without_owner'));
});
