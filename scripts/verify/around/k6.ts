import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { temporaryDirectory } from '../programs.ts';
import type { Prometheus } from '../prometheus.ts';
import type { Scope } from '#testkit/scope.ts';
import type { Stack } from '../stack.ts';

const script = (url: string): string => `import http from 'k6/http';
import { check, sleep } from 'k6';
export default () => {
  check(http.get('${url}/api/v1/assets?limit=1'), { answered: ({ status }) => status === 200 });
  sleep(0.2);
};
`;

/** A short run of k6 that sends its metrics to Prometheus as `npm run load` does. */
export const runK6 = async (
  scope: Pick<Scope, 'teardown'>,
  { service }: Stack,
  { url }: Pick<Prometheus, 'url'>,
): Promise<void> => {
  const path = join(temporaryDirectory(scope), 'run.js');
  writeFileSync(path, script(service.url));
  const child = spawn(
    resolve('.tools/bin/k6'),
    ['run', '--quiet', '--vus', '2', '--duration', '12s', '-o', 'experimental-prometheus-rw', path],
    {
      stdio: 'ignore',
      env: {
        PATH: process.env['PATH'],
        K6_NO_USAGE_REPORT: 'true',
        K6_AUTO_EXTENSION_RESOLUTION: 'false',
        K6_FEATURES: 'native-histograms',
        K6_PROMETHEUS_RW_SERVER_URL: `${url}/api/v1/write`,
        K6_PROMETHEUS_RW_PUSH_INTERVAL: '1s',
      },
    },
  );
  scope.teardown(() => void child.kill());
  const [status] = await once(child, 'exit');
  if (status !== 0) throw new Error(`k6 ended with status ${String(status)}`);
};
