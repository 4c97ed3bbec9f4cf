import { randomBytes } from 'node:crypto';
import test from 'ava';
import { setupDatabase, type TestDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, json, metric, scrape } from '#testkit/running-service.ts';
import { generousRateLimits } from '#testkit/rate-limits.ts';
import { serveProduction } from './production.ts';

const person = { email: 'ada@example.org', password: 'a rather long sentence' };
const limit = 10;
/** The last part of the addresses of the attackers. */
const hosts = Array.from({ length: 5 }, (_, number) => number + 1);
const random = (): string => randomBytes(32).toString('base64url');

type Headers = Readonly<Record<string, string>>;
type Shown = { readonly path: string; readonly init: Omit<RequestInit, 'headers'> & { readonly headers: Headers } };
const get = (path: string, headers: Headers = {}): Shown => ({ path, init: { headers } });
const form = (path: string, body: Readonly<Record<string, string>>): Shown => ({
  path,
  init: { method: 'POST', headers: {}, body: new URLSearchParams(body) },
});

const put = (path: string, body: Readonly<Record<string, string>>): Shown => ({
  path,
  init: { ...json(body), method: 'PUT', headers: { 'Content-Type': 'application/json' } },
});

/** The two routes that take tokens of messages. */
const messageTokens = {
  passwordReset: () => put('account/password-reset', { token: `vwm_${random()}`, new_password: person.password }),
  email: () => put('account/email', { token: `vwm_${random()}` }),
};
const takeTurns = (shows: readonly (() => Shown)[]): (() => Shown) => {
  let number = 0;
  return () => shows[number++ % shows.length]!();
};

/** For each table: a request with a new made-up credential that is looked up in it, and the status of its refusal. */
const kinds: Readonly<Record<string, { readonly status: number; readonly show: () => Shown }>> = {
  api_key: { status: 401, show: () => get('auth/me', { 'X-API-Key': `vwk_aaaaaaaa_${random()}` }) },
  user_session: { status: 401, show: () => get('auth/me', { Cookie: `__Host-session=vws_${random()}` }) },
  refresh_token: {
    status: 400,
    show: () => form('auth/token', { grant_type: 'refresh_token', refresh_token: `vwr_${random()}` }),
  },
  oauth_client: {
    status: 401,
    show: () => form('auth/token', { grant_type: 'client_credentials', client_id: random(), client_secret: random() }),
  },
  account_token: { status: 400, show: takeTurns(Object.values(messageTokens)) },
  calendar_consent: { status: 400, show: () => get(`calendar/callback?state=${random()}&code=made-up`) },
};

/** The number of scans of each table. A connection of PostgreSQL publishes its last ones when it was idle for 10 s. */
const scansOf = async (database: TestDatabase): Promise<ReadonlyMap<string, number>> => {
  const rows = await database.query(
    `select relname, coalesce(seq_scan, 0) + coalesce(idx_scan, 0) as scans from pg_stat_user_tables
     where schemaname = 'public'`,
  );
  return new Map(rows.map(({ relname, scans }) => [String(relname), Number(scans)]));
};

const settledScans = async (database: TestDatabase): Promise<ReadonlyMap<string, number>> => {
  let last = await scansOf(database);
  const isSettled = async (): Promise<boolean> => {
    await new Promise((resolve) => setTimeout(resolve, 10_500));
    const next = await scansOf(database);
    const settled = Object.keys(kinds).every((table) => next.get(table) === last.get(table));
    last = next;
    return settled;
  };
  await eventually(isSettled, 'the statistics of the tables do not change', 60_000);
  return last;
};

test('in production: made-up credentials are not looked up beyond the limit of their address', async (t) => {
  t.timeout(180_000);
  const database = await setupDatabase(t);
  const service = await serveProduction(t, database, {
    ...generousRateLimits,
    TRUSTED_PROXIES: '127.0.0.1',
    DATABASE_ACQUIRE_TIMEOUT_MS: '5000',
    RATE_LIMIT_CREDENTIALS_PER_MINUTE: String(limit),
    GOOGLE_CLIENT_ID: 'calendar-client',
    GOOGLE_CLIENT_SECRET: 'calendar-secret',
    TOKEN_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
  });
  await service.logged(({ message }) => message === 'started', 90_000);
  const at = (path: string) => `${service.url}/api/v1/${path}`;
  const from = (address: string) => ({ 'X-Forwarded-For': address });

  await call(at('auth/register'), json(person));
  const login = await call(at('auth/login'), json(person));
  const bearer = { Authorization: `Bearer ${String(login.body['access_token'])}` };
  const made = await call(at('api-keys'), json({ name: 'good', scopes: [] }, bearer));
  const before = await settledScans(database);

  /** @returns the number of answers with each status */
  const attack = async (show: () => Shown, address: string): Promise<Record<number, number>> => {
    const counts: Record<number, number> = {};
    for (let number = 0; number < 3 * limit; number += 1) {
      const { path, init } = show();
      const answer = await call(at(path), { ...init, headers: { ...init.headers, ...from(address) } });
      counts[answer.status] = (counts[answer.status] ?? 0) + 1;
      if (answer.status === 429) t.regex(answer.headers.get('ratelimit') ?? '', /^"credentials";r=0;t=\d+$/);
    }
    return counts;
  };
  for (const [index, { show, status }] of Object.values(kinds).entries()) {
    const attackers = hosts.map((host) => `203.0.${index}.${host}`);
    for (const counts of await Promise.all(attackers.map((address) => attack(show, address)))) {
      t.deepEqual(counts, { [status]: limit, 429: 2 * limit });
    }
    // A good key is accepted from an address that must wait, although this process has not seen it before.
    const good = { 'X-API-Key': String(made.body['key']), ...from(attackers[0]!) };
    t.is((await call(at('auth/me'), { headers: good })).status, 200);
  }

  const after = await settledScans(database);
  for (const table of Object.keys(kinds)) {
    const scans = after.get(table)! - before.get(table)!;
    t.log(`${table}: ${scans} scans`);
    t.true(scans >= hosts.length * limit, `${table} has ${scans} scans: the test does not measure`);
    t.true(scans <= hosts.length * limit + limit, `${table} has ${scans} scans`);
  }
  const refusals = metric(await scrape(service), 'volwatch_abuse_refused_total', { kind: 'credentials_refused' });
  t.is(refusals, Object.keys(kinds).length * hosts.length * 2 * limit);
});
