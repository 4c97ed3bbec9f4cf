/**
 * `npm run load [scenario]`: runs a k6 scenario of load/ against a new service or against TARGET. It prints a verdict
 * and writes reports/load-SCENARIO.{json,html}. The exit status is 1 if a threshold fails.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareLoad } from '../support/load-people.ts';
import { calendarVerdict } from '../support/load-calendar.ts';
import { startLoadService } from '../support/load-service.ts';
import { verdict, type Summary } from '../support/load-verdict.ts';
import { withScope } from '../verify/scope.ts';

const scenario = process.argv[2] ?? 'smoke';
const k6 = '.tools/bin/k6';
if (spawnSync(process.execPath, ['scripts/tools.ts', 'k6'], { stdio: 'inherit' }).status !== 0) process.exit(1);

mkdirSync('reports', { recursive: true });
const summaryFile = `reports/load-${scenario}.json`;
const htmlFile = `reports/load-${scenario}.html`;
rmSync(summaryFile, { force: true });

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

await withScope(async (scope) => {
  const directory = mkdtempSync(join(tmpdir(), 'volwatch-load-'));
  scope.teardown(() => rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }));
  const given = process.env['TARGET'];
  const owned = given === undefined ? await startLoadService(scope, scenario, directory) : undefined;
  const target = given ?? owned!.environment.TARGET;
  // The scenario `pool` sends reads only.
  const prepared = scenario === 'pool' ? {} : await prepareLoad(target, directory, owned?.google);
  const status = await runK6({ ...owned?.environment, ...prepared });
  if (!existsSync(summaryFile)) {
    console.error(`k6 wrote no summary (status ${status})`);
    return false;
  }
  const { lines, passed } = verdict(scenario, JSON.parse(readFileSync(summaryFile, 'utf8')) as Summary);
  console.log(lines.join('\n'));
  const calendars = scenario === 'calendar' && owned ? calendarVerdict(owned.google) : undefined;
  if (calendars) console.log(calendars.line);
  console.log(`report: ${htmlFile}, figures: ${summaryFile}`);
  return passed && calendars?.passed !== false;
});
