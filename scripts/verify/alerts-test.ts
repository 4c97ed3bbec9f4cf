/**
 * Checks the configuration of Prometheus and Alertmanager and runs the unit tests of every alert with promtool and
 * amtool. `node scripts/tools.ts prometheus alertmanager` builds these tools.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const files = (directory: string): string[] =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.yml'))
    .map((name) => join(directory, name));

const steps: readonly (readonly [tool: string, ...argumentList: string[]])[] = [
  ['promtool', 'check', 'config', 'alerts/prometheus.yml'],
  ['promtool', 'check', 'rules', '--lint=all', '--lint-fatal', ...files('alerts/rules')],
  ['promtool', 'test', 'rules', ...files('alerts/tests')],
  ['amtool', 'check-config', 'alerts/alertmanager.yml'],
];

for (const [tool, ...argumentList] of steps) {
  const binary = join('.tools/bin', tool);
  if (!existsSync(binary)) {
    console.error(`${binary} is missing: run npm exec node scripts/tools.ts prometheus alertmanager`);
    process.exitCode = 69;
    break;
  }
  const { status } = spawnSync(binary, argumentList, { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
