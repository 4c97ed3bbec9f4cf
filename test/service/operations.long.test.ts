import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { Secret, TOTP } from 'otpauth';
import anyTest, { type TestFn } from 'ava';
import { metricCatalogue } from '#src/kernel/catalogue/metrics.ts';
import { operations } from '#src/kernel/catalogue/operations.ts';
import { accountChangeRound } from '../../scripts/verify/account-change-round.ts';
import {
  accountRound,
  pricingJobRound,
  provedAddressesSql,
  secondFactorRound,
  userAdminRound,
} from '../../scripts/verify/account-traffic.ts';
import { createScope } from '#testkit/scope.ts';
import { startStack, type Stack } from '../../scripts/verify/stack.ts';
import { badRound, calendarRound, ordinaryRound, refreshRound, webhookRound } from '../../scripts/verify/traffic.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, json, metric, refresh, scrape, serve, takeToken } from '#testkit/running-service.ts';
import type { Service } from '#testkit/service.ts';

/** One running service with all that it depends on, and the traffic of all operations. */
const test = anyTest.serial as TestFn<{ stack: Stack; successor: Service; spans: () => ReadonlySet<string> }>;
const run = promisify(execFile);

type Export = {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string };
      readonly spans: readonly { readonly name: string; readonly kind: number }[];
    }[];
  }[];
};

/** Names of the spans that the service itself makes, without those of requests and instrumentations. */
const ownSpans = (bodies: readonly Buffer[]): ReadonlySet<string> =>
  new Set(
    bodies
      .flatMap((body) => (JSON.parse(body.toString('utf8')) as Export).resourceSpans)
      .flatMap(({ scopeSpans }) => scopeSpans)
      .filter(({ scope }) => scope.name.startsWith('volwatch') && scope.name !== 'volwatch.http')
      .flatMap(({ spans }) => spans.map(({ name }) => name)),
  );

const scope = createScope();
test.after.always(scope.close);

const enableSecondFactor = async (api: string, authorization: Record<string, string>): Promise<void> => {
  const made = await call(`${api}/account/totp`, { method: 'POST', headers: authorization });
  const code = new TOTP({ secret: Secret.fromBase32(String(made.body['secret'])) }).generate();
  await call(`${api}/account/totp`, { ...json({ code }, authorization), method: 'PUT' });
};

/** The commands of operators, as an operator runs them. */
const commands = async ({ primaryUrl, collector, service, sql }: Stack): Promise<void> => {
  const env = {
    PATH: process.env['PATH'],
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
    NODE_ENV: 'test',
    DATABASE_URL: primaryUrl,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  };
  const npm = async (...words: string[]): Promise<string> =>
    (await run('npm', ['run', '-s', ...words], { env })).stdout;
  const created = await npm('client', '--', 'create', 'desk 2', '--scopes', 'ml:read');
  const id = /client_id\s+(\S+)/.exec(created)?.[1] ?? '';
  await npm('client', '--', 'rotate', id);
  await npm('client', '--', 'list');
  await npm('client', '--', 'revoke', id);
  const credentials = { email: `${randomUUID()}@example.org`, password: `${randomUUID()} ${randomUUID()}` };
  const api = `${service.url}/api/v1`;
  await call(`${api}/auth/register`, json(credentials));
  const { body } = await call(`${api}/auth/login`, json(credentials));
  const authorization = { Authorization: `Bearer ${String(body['access_token'])}` };
  const keys = [];
  for (const name of ['first', 'second']) {
    keys.push((await call(`${api}/api-keys`, json({ name, scopes: [] }, authorization))).body['id']);
  }
  const user = `user:${credentials.email}`;
  await npm('credentials', '--', 'end-key', String(keys[0]));
  await sql(provedAddressesSql);
  await enableSecondFactor(api, authorization);
  await npm('user', '--', 'show', credentials.email);
  await npm('user', '--', 'grant', credentials.email, 'market:refresh');
  await npm('user', '--', 'remove-totp', credentials.email);
  await npm('user', '--', 'end-sessions', credentials.email);
  for (const command of ['end-keys', 'end-all', 'disable', 'enable', 'erase']) {
    await npm('credentials', '--', command, user);
  }
  await npm('user', '--', 'list');
  await npm('audit:verify');
};

/** What only background work and rare requests begin. */
const rareRound = async ({ service, sql, provider }: Stack, token: string): Promise<void> => {
  const authorization = { Authorization: `Bearer ${token}` };
  await sql(
    `insert into pgboss.job (name, data) values ('retention', '{}'), ('calendar', '{}'), ('refresh', '{"universe":"tech5","trigger":"schedule"}'),
       ('refresh', '{"universe":"sp500","trigger":"change","calculates_after":"${randomUUID()}"}')`,
  );
  // Earlier faults have opened the breaker, and a refused fetch is over before its key is renewed.
  const isClosed = async (): Promise<boolean> => (await refresh(service, token, 'tech5')).status === 200;
  await eventually(isClosed, 'a refresh succeeds', 60_000);
  provider.fault = { kind: 'hang' };
  await call(
    `${service.url}/api/v1/refreshes`,
    json({ universe: 'tech5' }, { ...authorization, 'Idempotency-Key': randomUUID(), Prefer: 'wait=10' }),
  );
  provider.fault = undefined;
  await call(`${service.url}/api/v1/universes/nobody`, {
    method: 'DELETE',
    headers: { ...authorization, 'If-Match': '"1"' },
  });
};

/** A second instance that finds the refresh of a process that has ended. */
const startSuccessor = async ({ primaryUrl, collector, sql }: Stack): Promise<Service> => {
  await sql(`insert into refresh (id, universe, trigger, status, started_at)
    values (gen_random_uuid(), 'sp500', 'request', 'running', now() - interval '1 hour')`);
  const successor = await serve(scope, {
    DATABASE_URL: primaryUrl,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  });
  await successor.logged(({ message }) => message === 'started');
  return successor;
};

test.before(async (t) => {
  t.timeout(180_000);
  const stack = await startStack(scope, {
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    IDEMPOTENCY_LEASE_MS: '1000',
    AUTH_USAGE_FLUSH_MS: '500',
  });
  const token = await takeToken(stack.service);
  await accountRound(stack);
  await accountChangeRound(stack);
  await secondFactorRound(stack);
  await userAdminRound(stack, token);
  await ordinaryRound(stack, token);
  // The webhook exists before the refreshes, so that their events are sent to it.
  await webhookRound(stack, token);
  await refreshRound(stack, token);
  await calendarRound(stack, token);
  await pricingJobRound(stack, token);
  await badRound(stack, token);
  await rareRound(stack, token);
  await commands(stack);
  const successor = await startSuccessor(stack);
  t.context = { stack, successor, spans: () => ownSpans(stack.collector.bodies()) };
});

test('each declared span is made, and no other', async (t) => {
  const { spans } = t.context;
  const declared = operations.flatMap(({ span }) => span ?? []);
  const missing = (): string[] => declared.filter((name) => !spans().has(name));
  await eventually(() => missing().length === 0, 'all spans are exported', 15_000).catch(() => {});
  t.deepEqual(missing(), [], 'declared and not made');
  t.deepEqual(
    [...spans()].filter((name) => !declared.includes(name)),
    [],
    'made and not declared',
  );
});

test('each declared metric counts its operation', async (t) => {
  const { stack, successor } = t.context;
  const catalogue: Readonly<Record<string, { readonly type: string }>> = metricCatalogue;
  const uncounted = async (): Promise<string[]> => {
    const exposition = (await Promise.all([stack.service, successor].map((each) => scrape(each)))).join('\n');
    return operations.flatMap(({ room, name, metric: metricName, labels }) => {
      if (metricName === undefined) return [];
      const series = catalogue[metricName]?.type === 'histogram' ? `${metricName}_count` : metricName;
      return metric(exposition, series, labels) > 0 ? [] : [`${room} ${name}: ${metricName} ${JSON.stringify(labels)}`];
    });
  };
  await eventually(async () => (await uncounted()).length === 0, 'all are counted', 15_000).catch(() => {});
  t.deepEqual(await uncounted(), []);
});

test('each operation of a metric that counts operations is declared', async (t) => {
  const exposition = await scrape(t.context.stack.service);
  const counted = new Set(
    operations.flatMap(({ metric: name, labels }) => (name && labels?.['operation'] ? [name] : [])),
  );
  t.is(counted.size, 5);
  for (const name of counted) {
    const found = exposition.matchAll(new RegExp(`^${name}_count\\{.*operation="([^"]+)"`, 'gm'));
    for (const [, operation] of found) {
      t.true(
        operations.some((each) => each.metric === name && each.labels?.['operation'] === operation),
        `${name} ${operation}`,
      );
    }
  }
});

test('each operation says what its span and its metric are, or why it has none', (t) => {
  for (const { room, name, span, noSpan, metric: metricName, noMetric } of operations) {
    t.not(span === undefined, noSpan === undefined, `${room} ${name}: span`);
    t.not(metricName === undefined, noMetric === undefined, `${room} ${name}: metric`);
    if (metricName !== undefined) t.true(metricName in metricCatalogue, metricName);
  }
});
