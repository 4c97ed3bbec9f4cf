import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '#src/embedded-postgres/free-port.ts';
import type { Scope } from '#testkit/scope.ts';
import type { World } from '../world.ts';

/** Scrapes the service each second, for the charts of the report. */
export const startPrometheus = async (scope: Scope, adminUrl: string): Promise<string> => {
  const directory = mkdtempSync(join(tmpdir(), 'volwatch-chaos-prometheus-'));
  const port = await freePort();
  writeFileSync(
    join(directory, 'prometheus.yml'),
    `global: { scrape_interval: 1s, evaluation_interval: 1s }
scrape_configs:
  - job_name: volwatch
    scrape_protocols: [PrometheusText0.0.4]
    static_configs: [{ targets: ['${new URL(adminUrl).host}'] }]
`,
  );
  const child = spawn(
    '.tools/bin/prometheus',
    [
      `--config.file=${directory}/prometheus.yml`,
      `--storage.tsdb.path=${directory}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  );
  scope.teardown(async () => {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
    rmSync(directory, { recursive: true, force: true });
  });
  return `http://127.0.0.1:${port}`;
};

/** Runs the usual k6 mix at a low rate in the background. Its thresholds are not checked. */
export const startLoad = (scope: Scope, { url, client }: Pick<World, 'url' | 'client'>): void => {
  mkdirSync('reports', { recursive: true });
  const child = spawn('.tools/bin/k6', ['run', '--quiet', '--no-thresholds', 'load/main.ts'], {
    stdio: 'ignore',
    env: {
      ...process.env,
      K6_NO_USAGE_REPORT: 'true',
      K6_AUTO_EXTENSION_RESOLUTION: 'false',
      SCENARIO: 'soak',
      RATE: process.env['RATE'] ?? '10',
      DURATION_S: '7200',
      TARGET: url,
      CLIENT_ID: client.id,
      CLIENT_SECRET: client.secret,
      SUMMARY: 'reports/chaos-load.json',
    },
  });
  scope.teardown(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
};
