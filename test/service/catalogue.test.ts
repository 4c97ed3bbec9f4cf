import { randomBytes } from 'node:crypto';
import anyTest, { type TestFn } from 'ava';
import { metricCatalogue, type MetricDeclaration } from '#src/kernel/catalogue/metrics.ts';
import { accountRound, pricingJobRound, secondFactorRound } from '../../scripts/verify/account-traffic.ts';
import { createScope } from '#testkit/scope.ts';
import { startStack, type Stack } from '../../scripts/verify/stack.ts';
import {
  badRound,
  calendarRound,
  limitedRound,
  mailRound,
  ordinaryRound,
  refreshRound,
  saturatedRound,
  webhookRound,
} from '../../scripts/verify/traffic.ts';
import { eventually } from '#testkit/eventually.ts';
import { nextExport } from '#testkit/otlp/next-export.ts';
import { differencesOf, seriesOfMetrics, seriesOfText, type MetricsRequest } from '#testkit/otlp/series-of-metrics.ts';
import { call, client, json, option, privateKeyPem, scrape, takeToken } from '#testkit/running-service.ts';

/** One running service with all that it depends on; the tests of this file look at it one after the other. */
const test = anyTest.serial as TestFn<{ stack: Stack; token: string }>;

type Series = { readonly name: string; readonly labels: Readonly<Record<string, string>> };

const parse = (exposition: string): Series[] =>
  exposition
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', labels = ''] = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
      const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, value]) => [key!, value!] as const);
      return { name, labels: Object.fromEntries(pairs) };
    });

const catalogue: Readonly<Record<string, MetricDeclaration>> = metricCatalogue;
const declared = (name: string): [string, MetricDeclaration] | undefined => {
  const base = catalogue[name] ? name : name.replace(/_(bucket|count|sum)$/, '');
  return catalogue[base] && [base, catalogue[base]];
};

const scope = createScope();
test.after.always(scope.close);
test.before(async (t) => {
  const stack = await startStack(scope, {
    RATE_LIMIT_LOGIN_PER_MINUTE: '30',
    OTEL_METRICS_EXPORTER: 'otlp',
    OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'http/json',
    OTEL_METRIC_EXPORT_INTERVAL: '2000',
    OTEL_LOGS_EXPORTER: 'otlp',
  });
  t.context = { stack, token: await takeToken(stack.service) };
});

test('ready is said only once the schema is there', async (t) => {
  const { log, logged } = t.context.stack.service;
  const isReady: Parameters<typeof logged>[0] = (line) => line['route'] === '/health/ready' && line['status'] === 200;
  // The answer can arrive before its log line.
  await logged(isReady);
  const ready = log.findIndex(isReady);
  const migrated = log.findLastIndex(({ message }) => message === 'Migration applied');
  t.true(migrated >= 0 && ready > migrated, `ready in line ${ready}, the last migration in line ${migrated}`);
});

/** Counted only once something rare happens, and proven by tests of their own rooms. */
const rare = new Set(['volwatch_cache_stale_age_seconds', 'volwatch_deprecated_requests_total']);

test('every metric of the catalogue is emitted, and nothing else', async (t) => {
  const { stack, token } = t.context;
  await accountRound(stack);
  await secondFactorRound(stack);
  await pricingJobRound(stack, token);
  await ordinaryRound(stack, token);
  await refreshRound(stack, token);
  await webhookRound(stack, token);
  await calendarRound(stack, token);
  await mailRound(stack);
  await badRound(stack, token);
  await limitedRound(stack, 40);
  await saturatedRound(stack);
  const series = parse(await scrape(stack.service));
  const seen = new Set(series.map(({ name }) => declared(name)?.[0] ?? name));
  t.deepEqual(
    Object.keys(catalogue).filter((name) => !seen.has(name) && !rare.has(name)),
    [],
    'declared and not emitted',
  );
  t.deepEqual(
    [...seen].filter((name) => !catalogue[name] && !/^(process|nodejs)_/.test(name)),
    [],
    'emitted and not declared',
  );
});

/** An export of metrics between two scrapes. */
const compareOnce = async ({ collector, service }: Stack) => {
  const before = seriesOfText(await scrape(service));
  const bodies = await nextExport(collector, Date.now());
  const sent = new Map(bodies.flatMap((body) => [...seriesOfMetrics(JSON.parse(String(body)) as MetricsRequest)]));
  const after = seriesOfText(await scrape(service));
  const differences = differencesOf(before, sent, after).filter(({ series }) => !series.startsWith('target_info'));
  return { before, sent, after, differences };
};

const maxComparisons = 5;

test('metrics over OTLP have the names, labels and values of /metrics', async (t) => {
  const { stack } = t.context;
  let compared = await compareOnce(stack);
  // A gauge can change and change back between the scrapes, so a difference counts only if each comparison has one.
  for (let times = 1; compared.differences.length > 0 && times < maxComparisons; times += 1) {
    compared = await compareOnce(stack);
  }
  const { before, sent, after, differences } = compared;
  t.deepEqual(differences, []);
  t.true(sent.size > 1_000, String(sent.size));
  const unchanged = [...before].filter(([series, value]) => after.get(series) === value);
  t.true(unchanged.length > 1_000, 'most values are compared');
});

test('labels are those declared, with values of their closed sets', async (t) => {
  const { service } = t.context.stack;
  const { body } = await call(`${service.url}/openapi.json`);
  const routes = new Set([...Object.keys(body['paths'] as object), 'unmatched', '/openapi.json', '/docs']);
  for (const { name, labels } of parse(await scrape(service))) {
    const closed = declared(name)?.[1].labels;
    if (closed === undefined) continue;
    for (const [label, value] of Object.entries(labels)) {
      if (label === 'le') continue;
      const values = closed[label];
      t.truthy(values, `${name}: undeclared label ${label}`);
      if (typeof values !== 'string') t.true(values?.includes(value), `${name}: ${label}="${value}"`);
      // Only a failed refresh counts without a route.
      const isRefresh = name === 'volwatch_errors_total' && value === '';
      if (label === 'http_route' && !isRefresh) {
        t.true(routes.has(value) || value.startsWith('/docs'), `${name}: ${value}`);
      }
      t.true(value.length <= 64, `${name}: ${label}="${value}"`);
    }
  }
});

const word = (): string => randomBytes(6).toString('hex');
const kinds: readonly ((url: string) => Promise<unknown>)[] = [
  (url) => call(`${url}/${word()}/${word()}`),
  (url) => call(`${url}/api/v1/assets/${word()}`),
  (url) => call(`${url}/api/v1/indexes/${word()}/values`),
  (url) => call(`${url}/api/v1/assets?${word()}=${word()}`),
  (url) => call(`${url}/api/v1/auth/me`, { headers: { Authorization: `Bearer ${word()}.${word()}.${word()}` } }),
  (url) => call(`${url}/api/v1/auth/me`, { headers: { 'X-API-Key': word() } }),
  (url) => call(`${url}/api/v1/${word()}`, { method: word().toUpperCase().replaceAll(/\d/g, 'X') }),
  (url) => call(`${url}/api/v1/pricing/price`, json({ ...option, [word()]: word() })),
  (url) => call(`${url}/api/v1/pricing/price`, { ...json({}), body: `{${word()}` }),
  (url) => call(`${url}/api/v1/pricing/models`, { headers: { 'X-Request-ID': word(), 'User-Agent': word() } }),
];

test('2,000 random requests add no series', async (t) => {
  const { service } = t.context.stack;
  // Database statements and refused subjects of the first of each kind are there before.
  for (const kind of [...kinds, ...kinds]) await kind(service.url);
  const names = async (): Promise<Set<string>> =>
    new Set(
      parse(await scrape(service))
        .filter(({ name }) => declared(name))
        .map((each) => JSON.stringify(each)),
    );
  const before = await names();
  // No more at once than the pool has connections, because a request that waits too long adds the series of its error.
  for (let sent = 0; sent < 2_000; sent += 4) {
    await Promise.all(Array.from({ length: 4 }, (_, at) => kinds[(sent + at) % kinds.length]!(service.url)));
  }
  const after = await names();
  t.deepEqual(
    [...after].filter((each) => !before.has(each)),
    [],
  );
});

/** Refusals of the head and the media type. Without one of them, a method that the route lacks is refused. */
const early: readonly (readonly [query: string, headers: Readonly<Record<string, string>>])[] = [
  ['', {}],
  [`?${'x'.repeat(8_192)}`, {}],
  ['', Object.fromEntries(Array.from({ length: 120 }, (_, at) => [`x-${at}`, '']))],
  ['', { accept: 'application/x-none' }],
];

test('refusals before the route add a few series, whatever the route and the method', async (t) => {
  const { service } = t.context.stack;
  const { body } = await call(`${service.url}/openapi.json`);
  const paths = Object.entries(body['paths'] as Record<string, object>);
  const series = async (): Promise<Set<string>> =>
    new Set(
      parse(await scrape(service))
        .filter(({ name }) => declared(name) && !name.endsWith('_bucket') && !name.endsWith('_sum'))
        .map((each) => JSON.stringify(each)),
    );
  const before = await series();
  const statuses = new Set<number>();
  for (const [template, operations] of paths) {
    const url = service.url + template.replaceAll(/\{\w+\}/g, 'x');
    const sent = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND'].flatMap((method) => {
      const isDeclared = (method === 'HEAD' ? 'get' : method.toLowerCase()) in operations;
      return early
        .slice(isDeclared ? 1 : 0)
        .map(async ([query, headers]) => (await fetch(url + query, { method, headers })).status);
    });
    for (const status of await Promise.all(sent)) statuses.add(status);
  }
  t.deepEqual(
    [...statuses].toSorted((a, b) => a - b),
    [405, 406, 414, 431],
  );
  const added = [...(await series())].filter((each) => !before.has(each));
  t.log(`${paths.length} paths, ${added.length} new series`);
  t.true(added.length <= 8, added.join('\n'));
});

test('no secret is in a log line, a span or a metric', async (t) => {
  const { stack, token } = t.context;
  const { service, collector, receiver } = stack;
  const canary = (what: string): string => `canary-${what}-${word()}`;
  const spans = (): Buffer => Buffer.concat(collector.ofSignal('traces'));
  const secrets = {
    password: canary('password'),
    bearer: canary('bearer'),
    key: canary('key'),
    cookie: canary('cookie'),
    query: canary('query'),
    path: canary('path'),
    email: `${canary('person')}@example.org`,
  };
  await call(
    `${service.url}/api/v1/auth/login`,
    json({ email: secrets.email, password: secrets.password }, { Cookie: `session=${secrets.cookie}` }),
  );
  const last = await call(`${service.url}/api/v1/assets/AAPL?token=${secrets.query}`, {
    headers: { Authorization: `Bearer ${secrets.bearer}`, 'X-API-Key': secrets.key },
  });
  await call(`${service.url}/api/v1/auth/me`, { headers: { Authorization: `Bearer ${secrets.bearer}` } });
  await eventually(
    () => spans().includes(Buffer.from(last.headers.get('x-trace-id')!, 'hex')),
    'the span is exported',
    10_000,
  );
  const authorization = { Authorization: `Bearer ${token}` };
  const url = `${receiver.url}/${secrets.path}?key=${secrets.query}`;
  const webhooks = `${service.url}/api/v1/webhooks`;
  const webhook = await call(webhooks, json({ url, events: ['refresh.failed'] }, authorization));
  await call(`${webhooks}/${String(webhook.body['id'])}/test`, { method: 'POST', headers: authorization });
  const received = () => receiver.received.find(({ path }) => path.includes(secrets.path))?.headers;
  await eventually(() => received() !== undefined, 'the message is received', 10_000);
  const [, , span = ''] = received()?.['traceparent']?.split('-') ?? [];
  t.regex(span, /^[0-9a-f]{16}$/);
  await eventually(() => spans().includes(Buffer.from(span, 'hex')), 'the span is exported', 10_000);
  const webhookSecret = String(webhook.body['secret']).slice('whsec_'.length);
  const signature = String(received()?.['webhook-signature']);
  const exposition = await scrape(service);
  const log = JSON.stringify(service.log) + service.stderr();
  const known = { token, client: client.secret, key: privateKeyPem.split('\n')[3]! };
  for (const [what, secret] of Object.entries({ ...secrets, webhookSecret, signature, ...known })) {
    t.false(log.includes(secret), `${what} in the log`);
    t.false(collector.bytes().includes(secret), `${what} in a span`);
    t.false(exposition.includes(secret), `${what} in a metric`);
  }
});
