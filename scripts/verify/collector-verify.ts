/**
 * Sends spans of the service, and spans without redaction, through the real Collector with otel-collector.yaml. It then
 * checks which spans and attributes are kept, dropped, redacted and counted.
 */
import { isTrueWithin } from '#testkit/eventually.ts';
import { createKeptTraces } from '#src/telemetry/metrics/kept-traces.ts';
import { clearFault, price, setFault } from '#testkit/running-service.ts';
import { startCollector, type Collector } from './collector.ts';
import { withScope } from './scope.ts';
import { startStack, type Stack } from './stack.ts';

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

const tracesOf = async ({ service }: Stack, requests: number): Promise<string[]> => {
  const ids: string[] = [];
  for (let sent = 0; sent < requests; sent += 1) ids.push((await price(service)).headers.get('x-trace-id')!);
  return ids;
};

await withScope(async (scope) => {
  const collector = await startCollector(scope);
  const stack = await startStack(scope, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
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

  const results: readonly (readonly [what: string, seen: string, good: boolean])[] = [
    ['failed and slow traces kept', `${kept([...failed, ...slow])} of 10`, arrived],
    ['ordinary traces kept', `${share} of 200`, share >= 5 && share <= 45],
    ['kept traces that exemplars may name', `${predicted.length - missing} of ${predicted.length}`, missing === 0],
    ['secrets that came through', leaked.join(', ') || 'none', leaked.length === 0],
    ['requests counted before sampling', `${calls} of 210`, calls === 210],
    ['SQL keeps its shape', 'select * from account where email = ?', collector.exported().includes('email = ?')],
  ];
  for (const [what, seen, good] of results) console.log(`${good ? 'ok   ' : 'WRONG'} ${what}: ${seen}`);
  if (results.some(([, , good]) => !good)) console.error(collector.program.output().slice(-2_000));
  return results.every(([, , good]) => good);
});
