/**
 * `npm run load [scenario]`: runs a k6 scenario of load/ against a new service or against TARGET. It prints a verdict
 * and writes reports/load-SCENARIO.{json,html}. The exit status is 1 if a threshold fails.
 */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startService } from '#testkit/service.ts';
import { verdict, type Summary } from '../support/load-verdict.ts';

const scenario = process.argv[2] ?? 'smoke';
const k6 = '.tools/bin/k6';
if (spawnSync(process.execPath, ['scripts/tools.ts', 'k6'], { stdio: 'inherit' }).status !== 0) process.exit(1);

mkdirSync('reports', { recursive: true });
const summaryFile = `reports/load-${scenario}.json`;
const htmlFile = `reports/load-${scenario}.html`;
rmSync(summaryFile, { force: true });

const ownService = async () => {
  const directory = mkdtempSync(join(tmpdir(), 'volwatch-load-'));
  const secret = randomBytes(24).toString('hex');
  const service = await startService({
    environment: {
      NODE_ENV: 'development',
      VOLWATCH_DIRECTORY: directory,
      BOOTSTRAP_CLIENT_ID: 'load',
      BOOTSTRAP_CLIENT_SECRET: secret,
      // The limiter is off because the load must reach the service. The limiter has its own tests.
      RATE_LIMIT_ENABLED: 'false',
    },
  });
  await service.ready();
  return {
    environment: { TARGET: service.url, CLIENT_ID: 'load', CLIENT_SECRET: secret },
    stop: async () => {
      await service.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
};

const runK6 = (environment: Record<string, string>): Promise<number | null> =>
  new Promise((done, fail) => {
    const prometheus = process.env['K6_PROMETHEUS_RW_SERVER_URL'];
    const outputs = prometheus === undefined ? [] : ['-o', 'experimental-prometheus-rw'];
    const child = spawn(k6, ['run', '--quiet', ...outputs, 'load/main.ts'], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...process.env,
        K6_NO_USAGE_REPORT: 'true',
        K6_AUTO_EXTENSION_RESOLUTION: 'false',
        K6_WEB_DASHBOARD: 'true',
        K6_WEB_DASHBOARD_PORT: '-1',
        K6_WEB_DASHBOARD_PERIOD: '1s',
        K6_WEB_DASHBOARD_EXPORT: htmlFile,
        ...(prometheus !== undefined && { K6_FEATURES: 'native-histograms' }),
        SCENARIO: scenario,
        SUMMARY: summaryFile,
        ...environment,
      },
    });
    child.once('error', fail).once('exit', done);
  });

const owned = process.env['TARGET'] === undefined ? await ownService() : undefined;
let status: number | null;
try {
  status = await runK6(owned?.environment ?? {});
} finally {
  await owned?.stop();
}
if (!existsSync(summaryFile)) {
  console.error(`k6 wrote no summary (status ${status})`);
  process.exit(1);
}
const { lines, passed } = verdict(scenario, JSON.parse(readFileSync(summaryFile, 'utf8')) as Summary);
console.log(lines.join('\n'));
console.log(`report: ${htmlFile}, figures: ${summaryFile}`);
process.exitCode = passed ? 0 : 1;
