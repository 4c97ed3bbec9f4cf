import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { startProgram, temporaryDirectory, type Program } from './programs.ts';
import type { Scope } from '#testkit/scope.ts';
import { freePort } from '#src/embedded-postgres/free-port.ts';

export type Collector = {
  /** The value of `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string;
  readonly metricsUrl: string;
  /** Where the metrics are that the service sent. */
  readonly serviceMetricsUrl: string;
  readonly program: Program;
  /** All spans that were exported to the trace store so far, as JSON lines. */
  readonly exported: () => string;
  /** All log lines that were exported to the log store so far, as JSON lines. */
  readonly exportedLines: () => string;
};

/**
 * Starts the real Collector with otel-collector.yaml, except that it writes traces and log lines to files instead of
 * their stores.
 */
export const startCollector = async (scope: Pick<Scope, 'teardown'>): Promise<Collector> => {
  const directory = temporaryDirectory(scope);
  const [output, lines] = [join(directory, 'traces.jsonl'), join(directory, 'logs.jsonl')];
  for (const file of [output, lines]) writeFileSync(file, '');
  const override = join(directory, 'override.yaml');
  writeFileSync(
    override,
    stringify({
      exporters: {
        file: { path: output, flush_interval: '200ms' },
        'file/logs': { path: lines, flush_interval: '200ms' },
      },
      service: { pipelines: { 'traces/out': { exporters: ['file'] }, logs: { exporters: ['file/logs'] } } },
    }),
  );
  const [otlp, health, metrics, serviceMetrics] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const program = await startProgram(scope, 'otelcol', ['--config', 'otel-collector.yaml', '--config', override], {
    readyUrl: `http://127.0.0.1:${health}`,
    environment: {
      COLLECTOR_OTLP_HTTP: `127.0.0.1:${otlp}`,
      COLLECTOR_HEALTH: `127.0.0.1:${health}`,
      COLLECTOR_METRICS: `127.0.0.1:${metrics}`,
      COLLECTOR_SERVICE_METRICS: `127.0.0.1:${serviceMetrics}`,
      COLLECTOR_DECISION_WAIT: '3s',
      COLLECTOR_METRICS_FLUSH: '1s',
    },
  });
  return {
    url: `http://127.0.0.1:${otlp}`,
    metricsUrl: `http://127.0.0.1:${metrics}/metrics`,
    serviceMetricsUrl: `http://127.0.0.1:${serviceMetrics}/metrics`,
    program,
    exported: () => readFileSync(output, 'utf8'),
    exportedLines: () => readFileSync(lines, 'utf8'),
  };
};
