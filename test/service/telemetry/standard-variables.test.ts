import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { call, json, option, scrape, serve } from '#testkit/running-service.ts';
import { startOtlpReceiver } from '#testkit/servers/otlp-receiver.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';

test('the service follows the standard variables: one name of the instance in spans, lines and metrics; b3 is continued; ignored variables are named', async (t) => {
  const [{ url }, collector] = await Promise.all([setupDatabase(t), startOtlpReceiver(t)]);
  const service = await serve(t, {
    DATABASE_URL: url,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_RESOURCE_ATTRIBUTES: 'service.instance.id=blue-1',
    OTEL_PROPAGATORS: 'b3',
    OTEL_METRICS_EXPORTER: 'console',
    OTEL_TRACES_SAMPLER_ARG: 'hunter2',
    OTEL_EXPORTER_OTLP_TIMEOUT: '-1',
  });
  await service.logged(({ message }) => message === 'started', 60_000);

  // The last 0 says that the trace is not sampled. A caller must not hide a request from the traces with it.
  const b3 = { b3: `${traceId}-00f067aa0ba902b7-0` };
  const answer = await call(`${service.url}/api/v1/pricing/price`, json(option, b3));
  t.is(answer.headers.get('x-trace-id'), traceId);
  const w3c = { traceparent: `00-${'a'.repeat(32)}-00f067aa0ba902b7-01` };
  const other = await call(`${service.url}/api/v1/pricing/price`, json(option, w3c));
  t.not(other.headers.get('x-trace-id'), 'a'.repeat(32), 'only the chosen headers are read');

  await collector.received(traceId);
  t.true(collector.bytes().includes('blue-1'));
  const line = await service.logged((entry) => entry['trace_id'] === traceId);
  t.is(line['service_instance_id'], 'blue-1');
  t.regex(await scrape(service), /^target_info\{service_name="volwatch",service_instance_id="blue-1"\} 1$/m);
  const lineOf = (variable: string) => service.logged((entry) => entry['variable'] === variable, 1_000);
  t.like(await lineOf('OTEL_METRICS_EXPORTER'), { level: 'warn' });
  t.false(JSON.stringify(await lineOf('OTEL_TRACES_SAMPLER_ARG')).includes('hunter2'));
  t.like(await service.logged(({ message }) => /OTEL_EXPORTER_OTLP_TIMEOUT is invalid/.test(String(message)), 1_000), {
    level: 'warn',
  });
});

test('without a name in the environment spans, lines and metrics have the same generated one, also without spans', async (t) => {
  const { url } = await setupDatabase(t);
  const service = await serve(t, { DATABASE_URL: url, OTEL_SDK_DISABLED: 'true' });
  const line = await service.logged(({ message }) => message === 'started', 60_000);
  const id = String(line['service_instance_id']);
  t.regex(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4/);
  const text = await scrape(service);
  t.true(text.includes(`service_instance_id="${id}"`));
  t.true(text.includes('http_server_active_requests'), 'metrics stay');
});
