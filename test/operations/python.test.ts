import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';

test('a python3 that is too old does not hide a newer one', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'volwatch-python-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const write = (name: string, status: number): void => {
    writeFileSync(join(folder, name), `#!/bin/sh\nexit ${status}\n`);
    chmodSync(join(folder, name), 0o755);
  };
  const script = `import { requirePython } from './scripts/support/python.ts'; console.log(requirePython());`;
  const found = (): string =>
    execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      env: { PATH: folder },
      encoding: 'utf8',
      stdio: 'pipe',
    }).trim();
  write('python3', 1);
  t.throws(found, { message: /Python 3\.11 or newer with venv is needed/ });
  write('python3.12', 0);
  t.is(found(), 'python3.12');
});
