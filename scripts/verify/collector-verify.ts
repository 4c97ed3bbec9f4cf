/**
 * Sends spans, metrics and log lines of the service, and spans and lines without redaction, through the real Collector
 * with otel-collector.yaml. It then checks which spans and attributes are kept, dropped, redacted and counted, and that the
 * metrics are those of /metrics.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { differencesOf, seriesOfText } from '#testkit/otlp/series-of-metrics.ts';
import { isTrueWithin } from '#testkit/eventually.ts';
import { createKeptTraces } from '#src/telemetry/metrics/kept-traces.ts';
import { clearFault, openMetrics, price, scrape, setFault, takeToken } from '#testkit/running-service.ts';
import { startCollector, type Collector } from './collector.ts';
import { withScope } from './scope.ts';
import { startStack, type Stack } from './stack.ts';
import { ordinaryRound, refreshRound } from './traffic.ts';

const canaries = {
  'http.request.header.authorization': 'Bearer canary-authorization',
  'http.request.header.cookie': 'session=canary-cookie',
  'user.password': 'canary-password',
  'url.query': 'token=canary-query',
  note: 'from eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.canary-signature of canary.person@example.org',
  'db.query.text': "select * from account where email = 'canary@example.org' and pin = 424242",
} as const;
const leaks = ['canary-authorization', 'canary-cookie', 'canary-password', 'canary-query', 'canary-signature'].concat([
  'canary.person@example.org',
  'canary@example.org',
  '424242',
]);

const forgetfulTrace = 'f'.repeat(30).padStart(32, '0');

/** Sends a client span with an error, because the sampling keeps failed spans. */
const sendForgetfulSpan = async ({ url }: Collector): Promise<void> => {
  const now = BigInt(Date.now()) * 1_000_000n;
  const attributes = Object.entries({ ...canaries, 'db.system.name': 'postgresql' }).map(([key, value]) => ({
    key,
    value: { stringValue: value },
  }));
  const span = {
    traceId: forgetfulTrace,
    spanId: '00f067aa0ba902b7',
    name: 'SELECT account',
    kind: 3,
    startTimeUnixNano: String(now),
    endTimeUnixNano: String(now + 1_000_000n),
    attributes,
    status: { code: 2 },
  };
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'forgetful' } }] };
  const response = await fetch(`${url}/v1/traces`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] }),
  });
  if (!response.ok) throw new Error(`the Collector answered ${response.status}: ${await response.text()}`);
};

/** Sends a log line with the same canaries. */
const sendForgetfulLine = async ({ url }: Collector): Promise<void> => {
  const attributes = Object.entries(canaries).map(([key, value]) => ({ key, value: { stringValue: value } }));
  const logRecord = { timeUnixNano: String(BigInt(Date.now()) * 1_000_000n), body: { stringValue: 'hi' }, attributes };
  const response = await fetch(`${url}/v1/logs`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [logRecord] }] }] }),
  });
  if (!response.ok) throw new Error(`the Collector answered ${response.status}: ${await response.text()}`);
};

const page = async (url: string, accept = 'text/plain'): Promise<string> =>
  (await fetch(url, { headers: { Accept: accept } })).text();

/** Sends traffic, and compares what the Collector has with two scrapes of the service, one before and one after. */
const compareMetrics = async ({ service }: Stack, { serviceMetricsUrl }: Collector) => {
  const before = seriesOfText(await scrape(service));
  // Longer than the interval of the export and the batch of the Collector together.
  await sleep(5_000);
  const sent = seriesOfText(await page(serviceMetricsUrl));
  const after = seriesOfText(await scrape(service));
  const differences = differencesOf(before, sent, after).filter(({ series }) => !series.startsWith('target_info'));
  return { series: sent.size, differences, text: await page(serviceMetricsUrl, openMetrics) };
};

const tracesOf = async ({ service }: Stack, requests: number): Promise<string[]> => {
  const ids: string[] = [];
  for (let sent = 0; sent < requests; sent += 1) ids.push((await price(service)).headers.get('x-trace-id')!);
  return ids;
};

await withScope(async (scope) => {
  const collector = await startCollector(scope);
  const stack = await startStack(scope, {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_METRICS_EXPORTER: 'otlp',
    OTEL_METRIC_EXPORT_INTERVAL: '1000',
    OTEL_LOGS_EXPORTER: 'otlp',
  });
  const ordinary = await tracesOf(stack, 200);
  await setFault(stack.service, 'pricing.engine', { mode: 'error', error_code: 'internal_error' });
  const failed = await tracesOf(stack, 5);
  await setFault(stack.service, 'pricing.engine', { mode: 'delay', delay_ms: 300 });
  const slow = await tracesOf(stack, 5);
  await clearFault(stack.service, 'pricing.engine');
  await sendForgetfulSpan(collector);

  const kept = (ids: readonly string[]): number => ids.filter((id) => collector.exported().includes(id)).length;
  const arrived = await isTrueWithin(() => kept([...failed, ...slow, forgetfulTrace]) === 11, 20_000);
  const metrics = await (await fetch(collector.metricsUrl)).text();
  const share = kept(ordinary);
  // Slow ones are kept whatever their id is, so only ids that must be kept are compared.
  const isKept = createKeptTraces({ percent: 10, slowSeconds: Infinity });
  const predicted = ordinary.filter((id) => isKept(id, 0));
  const missing = predicted.length - kept(predicted);
  const leaked = leaks.filter((canary) => collector.exported().includes(canary) || metrics.includes(canary));
  const counted = /traces_span_metrics_calls_total\{[^}]*http_route="\/api\/v1\/pricing\/price"[^}]*\} (\d+)/g;
  const calls = [...metrics.matchAll(counted)].reduce((sum, [, count]) => sum + Number(count), 0);

  const token = await takeToken(stack.service);
  await ordinaryRound(stack, token);
  await refreshRound(stack, token);
  await sendForgetfulLine(collector);
  const compared = await compareMetrics(stack, collector);
  for (const { series, wanted, got } of compared.differences.slice(0, 20)) {
    console.log(`      ${series}: /metrics has ${wanted}, the Collector ${got}`);
  }
  const lines = collector.exportedLines();
  const withTrace = [...ordinary, ...failed].filter((id) => lines.includes(`"traceId":"${id}"`)).length;
  const leakedLines = leaks.filter((canary) => canary !== 'canary-query' && lines.includes(canary));
  const exemplar = /_bucket\{[^}]*\} \S+ # \{[^}]*trace_id="([0-9a-f]{32})"/.exec(compared.text)?.[1];

  const results: readonly (readonly [what: string, seen: string, good: boolean])[] = [
    ['failed and slow traces kept', `${kept([...failed, ...slow])} of 10`, arrived],
    ['ordinary traces kept', `${share} of 200`, share >= 5 && share <= 45],
    ['kept traces that exemplars may name', `${predicted.length - missing} of ${predicted.length}`, missing === 0],
    ['secrets that came through', leaked.join(', ') || 'none', leaked.length === 0],
    ['requests counted before sampling', `${calls} of 210`, calls === 210],
    ['series of metrics over OTLP', `${compared.series}`, compared.series > 1_000],
    ['series that differ from /metrics', `${compared.differences.length}`, compared.differences.length === 0],
    ['exemplar in a histogram over OTLP', exemplar ?? 'none', exemplar !== undefined],
    ['lines of requests with their trace', `${withTrace} of 205`, withTrace === 205],
    ['secrets of lines that came through', leakedLines.join(', ') || 'none', leakedLines.length === 0],
    ['SQL keeps its shape', 'select * from account where email = ?', collector.exported().includes('email = ?')],
  ];
  for (const [what, seen, good] of results) console.log(`${good ? 'ok   ' : 'WRONG'} ${what}: ${seen}`);
  if (results.some(([, , good]) => !good)) console.error(collector.program.output().slice(-2_000));
  return results.every(([, , good]) => good);
});
