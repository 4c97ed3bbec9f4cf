import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { client, metric, price, scrape, serve, takeToken } from '#testkit/running-service.ts';
import { startOtlpReceiver } from '#testkit/servers/otlp-receiver.ts';

const both = { OTEL_METRICS_EXPORTER: 'otlp', OTEL_LOGS_EXPORTER: 'otlp', OTEL_METRIC_EXPORT_INTERVAL: '1000' };

type Value = { readonly stringValue?: string; readonly intValue?: number; readonly doubleValue?: number };
type Attributes = readonly { readonly key: string; readonly value: Value }[];
type Record = {
  readonly traceId?: string;
  readonly spanId?: string;
  readonly severityText: string;
  readonly body: Value;
  readonly attributes: Attributes;
};
type Logs = {
  readonly resourceLogs: readonly {
    readonly resource: { readonly attributes: Attributes };
    readonly scopeLogs: readonly { readonly logRecords: readonly Record[] }[];
  }[];
};

const plain = (attributes: Attributes): { readonly [name: string]: unknown } =>
  Object.fromEntries(
    attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue ?? value.doubleValue]),
  );

test('the line of a request has its trace and its fields over OTLP as on stdout, its exemplar the trace; no secret leaves', async (t) => {
  const [{ url }, collector] = await Promise.all([setupDatabase(t), startOtlpReceiver(t)]);
  const service = await serve(t, {
    ...both,
    DATABASE_URL: url,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_RESOURCE_ATTRIBUTES: 'service.instance.id=blue-1',
  });
  await service.logged(({ message }) => message === 'started', 60_000);
  const token = await takeToken(service);
  const answer = await price(service);
  const traceId = answer.headers.get('x-trace-id')!;

  const logs = (): Logs[] => collector.ofSignal('logs').map((body) => JSON.parse(body.toString()) as Logs);
  const records = (): Record[] =>
    logs().flatMap(({ resourceLogs }) =>
      resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords)),
    );
  const ofRequest = (): Record | undefined =>
    records().find((record) => record.traceId === traceId && plain(record.attributes)['route'] !== undefined);
  await eventually(() => ofRequest() !== undefined, 'the line of the request over OTLP');
  const line = await service.logged((entry) => entry['trace_id'] === traceId && entry['route'] !== undefined);
  const record = ofRequest()!;
  t.is(record.spanId, line['span_id'] as string);
  t.is(record.severityText, 'INFO');
  t.is(record.body.stringValue, line.message);
  const { time, level, message, trace_id, span_id, service_instance_id, ...fields } = line;
  t.truthy(time && level && message && trace_id && span_id && service_instance_id);
  t.deepEqual(plain(record.attributes), JSON.parse(JSON.stringify(fields)) as typeof fields);
  t.is(plain(logs()[0]!.resourceLogs[0]!.resource.attributes)['service.instance.id'], 'blue-1');

  const metrics = (): string => collector.ofSignal('metrics').map(String).join('\n');
  await eventually(
    () => new RegExp(`"exemplars":\\[[^\\]]*"traceId":"${traceId}"`).test(metrics()),
    'an exemplar with the trace id',
  );
  for (const secret of [token, client.secret]) t.false(collector.bytes().includes(secret));
});

test('a receiver that is down: requests are answered, losses are counted, one line a signal tells the begin and the end', async (t) => {
  const [{ url }, collector] = await Promise.all([setupDatabase(t), startOtlpReceiver(t, { down: true })]);
  const service = await serve(t, {
    ...both,
    DATABASE_URL: url,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_TIMEOUT: '5000',
  });
  await service.logged(({ message }) => message === 'started', 60_000);
  const dropped = async (signal: string): Promise<number> =>
    metric(await scrape(service), 'volwatch_telemetry_dropped_total', { signal, reason: 'export_failed' });
  await eventually(
    async () => {
      t.is((await price(service)).status, 200);
      const counts = await Promise.all(['traces', 'metrics', 'logs'].map(dropped));
      return counts.every((count) => count > 0);
    },
    'lost items of each signal are counted',
    60_000,
  );
  const told = (text: string): string[] =>
    service.log.filter(({ message }) => message === text).map((line) => String(line['signal']));
  const first = await dropped('metrics');
  await eventually(async () => (await dropped('metrics')) > first, 'a second failed export', 60_000);
  // Data points that are not sent are counted earlier than the request in progress fails.
  await eventually(() => new Set(told('exports of telemetry fail')).size === 3, 'each signal fails', 60_000);
  t.deepEqual(told('exports of telemetry fail').toSorted(), ['logs', 'metrics', 'traces']);
  t.deepEqual(told('exports of telemetry succeed again'), []);

  collector.recover();
  await eventually(
    async () => {
      await price(service);
      return new Set(told('exports of telemetry succeed again')).size === 3;
    },
    'all signals are exported again',
    60_000,
  );
  t.true(collector.ofSignal('metrics').length > 0 && collector.ofSignal('logs').length > 0);
});

test('a receiver that never answers delays neither a request nor the stop beyond its limit; the stop sends what waits', async (t) => {
  const [{ url }, collector] = await Promise.all([setupDatabase(t), startOtlpReceiver(t)]);
  const hanging = createServer(() => {});
  await new Promise<void>((done) => hanging.listen(0, '127.0.0.1', done));
  t.teardown(() => {
    hanging.close();
    hanging.closeAllConnections();
  });
  const settings = {
    ...both,
    DATABASE_URL: url,
    OTEL_METRIC_EXPORT_INTERVAL: '60000',
    OTEL_BLRP_SCHEDULE_DELAY: '60000',
  };
  const slow = await serve(t, {
    ...settings,
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(hanging.address() as AddressInfo).port}`,
    OTEL_EXPORTER_OTLP_TIMEOUT: '60000',
  });
  await slow.logged(({ message }) => message === 'started', 60_000);
  t.is((await price(slow)).status, 200);
  const began = Date.now();
  t.is(await slow.stop(60_000), 0);
  // The limit of the flush is 3 s. Without it the stop takes longer than the timeout of an export, 60 s.
  t.true(Date.now() - began < 30_000, `${Date.now() - began} ms`);

  const quick = await serve(t, { ...settings, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
  await quick.logged(({ message }) => message === 'started', 60_000);
  const requestId = (await price(quick)).headers.get('x-request-id')!;
  t.is(collector.ofSignal('metrics').length + collector.ofSignal('logs').length, 0);
  t.is(await quick.stop(20_000), 0);
  t.true(Buffer.concat(collector.ofSignal('logs')).includes(requestId));
  t.true(Buffer.concat(collector.ofSignal('metrics')).includes('volwatch.pricing_duration'));
});
