import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePort } from '#src/embedded-postgres/free-port.ts';
import { startProgram, temporaryDirectory } from '../programs.ts';
import type { PrometheusOptions } from '../prometheus.ts';
import type { Scope } from '#testkit/scope.ts';
import type { Stack } from '../stack.ts';

type Teardown = Pick<Scope, 'teardown'>;

const host = '127.0.0.1';

export type Surroundings = {
  readonly targets: PrometheusOptions['targets'];
  /** The proxy in front of the service, as in Compose. */
  readonly proxy: Part;
  /** host:port of the proxy. */
  readonly proxyAddress: string;
  readonly hostExporter: Part;
  /** A Collector whose trace store does not answer. It loses the spans that it is fed. */
  readonly strandedCollector: { readonly feed: () => void; readonly rest: () => void };
};

type Part = { readonly start: () => Promise<void>; readonly stop: () => Promise<void> };

/** A program that can be stopped and started again at the same address. */
const createPart = async (start: () => Promise<{ readonly stop: () => Promise<void> }>): Promise<Part> => {
  let running = await start();
  return {
    start: async () => void (running = await start()),
    stop: () => running.stop(),
  };
};

/** A Collector with otel-collector.yaml. Its trace store does not exist, and it gives up after a second. */
const startStrandedCollector = async (scope: Teardown): Promise<{ url: string; metrics: string; itself: string }> => {
  const directory = temporaryDirectory(scope);
  const override = join(directory, 'override.yaml');
  const retry = { enabled: true, initial_interval: '200ms', max_interval: '500ms', max_elapsed_time: '1s' };
  writeFileSync(override, stringify({ exporters: { otlp_grpc: { retry_on_failure: retry, timeout: '500ms' } } }));
  const [otlp, health, metrics, itself, store, serviceMetrics] = await Promise.all(
    Array.from({ length: 6 }, () => freePort()),
  );
  await startProgram(scope, 'otelcol', ['--config', 'otel-collector.yaml', '--config', override], {
    readyUrl: `http://${host}:${health}`,
    environment: {
      COLLECTOR_OTLP_HTTP: `${host}:${otlp}`,
      COLLECTOR_HEALTH: `${host}:${health}`,
      COLLECTOR_METRICS: `${host}:${metrics}`,
      COLLECTOR_SERVICE_METRICS: `${host}:${serviceMetrics}`,
      COLLECTOR_SELF_HOST: host,
      COLLECTOR_SELF_PORT: String(itself),
      COLLECTOR_TRACE_STORE: `${host}:${store}`,
      COLLECTOR_DECISION_WAIT: '1s',
      COLLECTOR_METRICS_FLUSH: '1s',
    },
  });
  return { url: `http://${host}:${otlp}`, metrics: `${host}:${metrics}`, itself: `${host}:${itself}` };
};

const startExporter = (scope: Teardown, program: string, address: string, ...argumentList: string[]) =>
  startProgram(scope, program, [...argumentList, `--web.listen-address=${address}`], {
    readyUrl: `http://${address}/metrics`,
  });

/** Sends a span that failed, which the sampling keeps, so that the exporter of the Collector has work. */
const sendFailedSpan = async (url: string): Promise<void> => {
  const start = BigInt(Date.now()) * 1_000_000n;
  const id = crypto.randomUUID().replaceAll('-', '');
  const span = {
    traceId: id,
    spanId: id.slice(16),
    name: 'a failed operation',
    kind: 2,
    startTimeUnixNano: String(start),
    endTimeUnixNano: String(start + 1_000_000n),
    status: { code: 2 },
  };
  await fetch(`${url}/v1/traces`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ resourceSpans: [{ resource: {}, scopeSpans: [{ spans: [span] }] }] }),
  });
};

/** Starts what stands around the service in Compose: proxy, black-box exporter, exporter of the host, Collector. */
export const startSurroundings = async (scope: Teardown, { service }: Stack): Promise<Surroundings> => {
  const ports = await Promise.all(Array.from({ length: 4 }, () => freePort()));
  const [proxyAddress, proxyMetrics, hostAddress, blackbox] = ports.map((port) => `${host}:${port}`);
  const directory = temporaryDirectory(scope);
  const proxy = await createPart(() =>
    startProgram(scope, 'caddy', ['run', '--config', 'deploy/Caddyfile', '--adapter', 'caddyfile'], {
      readyUrl: `http://${proxyAddress}/health/live`,
      environment: {
        XDG_DATA_HOME: directory,
        XDG_CONFIG_HOME: directory,
        PROXY_PORT: String(ports[0]),
        PROXY_METRICS_PORT: String(ports[1]),
        PROXY_UPSTREAMS: new URL(service.url).host,
      },
    }),
  );
  const hostExporter = await createPart(() => startExporter(scope, 'node_exporter', hostAddress!));
  await startExporter(scope, 'blackbox_exporter', blackbox!, '--config.file=deploy/blackbox.yaml');
  const collector = await startStrandedCollector(scope);
  let feeding: NodeJS.Timeout | undefined;
  const rest = (): void => clearInterval(feeding);
  scope.teardown(rest);
  return {
    proxy,
    proxyAddress: proxyAddress!,
    hostExporter,
    strandedCollector: {
      feed: () => void (feeding = setInterval(() => void sendFailedSpan(collector.url).catch(() => {}), 200)),
      rest,
    },
    targets: {
      collector: collector.metrics,
      'collector-itself': collector.itself,
      host: hostAddress!,
      proxy: proxyMetrics!,
      probe: { 'proxy:8080': proxyAddress!, 'blackbox-exporter:9115': blackbox! },
    },
  };
};
