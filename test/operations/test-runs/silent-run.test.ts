import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { isAlive } from '#src/embedded-postgres/embedded-postgres-host.ts';
import { eventually } from '#testkit/eventually.ts';
import { endSilentRun } from '../../../scripts/support/silent-run.ts';
import { createTestTotals } from '../../../scripts/support/test-totals.ts';

/** It ignores SIGTERM because its event loop is busy, and AVA's own limit because `t.timeout()` is longer. */
const busyTest = `
import { writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
test('is busy', async (t) => {
  t.timeout(600_000);
  await setTimeout(200);
  process.on('SIGTERM', () => {});
  writeFileSync('pid', String(process.pid));
  for (;;);
});
`;

test('a file that hangs within its t.timeout() is ended and named, also when it obeys no SIGTERM', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'volwatch-silent-'));
  symlinkSync(resolve('node_modules'), join(directory, 'node_modules'));
  mkdirSync(join(directory, 'test'));
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
  writeFileSync(
    join(directory, 'ava.config.js'),
    "export default { extensions: ['ts'], files: ['test/*.test.ts'], timeout: '1s' };",
  );
  writeFileSync(join(directory, 'test/busy.test.ts'), busyTest);
  const ava = spawn(process.execPath, ['node_modules/ava/entrypoints/cli.js'], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const exit = once(ava, 'exit');
  const printed = text(ava.stdout);
  await eventually(() => existsSync(join(directory, 'pid')), 'the test is busy');
  const pid = Number(readFileSync(join(directory, 'pid'), 'utf8'));
  const run = endSilentRun(ava, 2_500);
  t.teardown(run.stop);
  t.is((await exit)[0], 1);
  const totals = createTestTotals();
  totals.read(await printed);
  t.deepEqual(totals.failedFiles(), ['test/busy.test.ts']);
  await eventually(() => !isAlive(pid), 'the process of the file has ended');
});
