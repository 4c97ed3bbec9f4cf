import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ClientPackage } from './client-package.ts';

const folder = resolve('clients/python');
/** Ignored by git. */
const environment = join(folder, '.venv');
const python = join(environment, 'bin/python');
/** The state of pyproject.toml that the virtual environment was made for. */
const stamp = join(environment, 'installed-pyproject.toml');

const oldestMinor = 11;
const candidates = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.14'];

/** Whether the program is a Python that the package supports and that can make a virtual environment. */
const isUsable = (program: string): boolean => {
  const test = `import ensurepip, sys, venv; sys.exit(sys.version_info < (3, ${oldestMinor}))`;
  return spawnSync(program, ['-c', test], { stdio: 'ignore' }).status === 0;
};

export const findPython = (): string | undefined => candidates.find(isUsable);

const install = (): void => {
  const wanted = readFileSync(join(folder, 'pyproject.toml'), 'utf8');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted && isUsable(python)) return;
  const base = findPython();
  if (base === undefined) {
    throw new Error(
      `The Python client needs Python 3.${oldestMinor} or newer with venv (Debian and Ubuntu: apt-get install python3-venv)`,
    );
  }
  rmSync(environment, { recursive: true, force: true });
  const run = (program: string, ...parameters: string[]) =>
    execFileSync(program, parameters, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
  run(base, '-m', 'venv', environment);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  // Dependency groups need pip 25.1, which is newer than the pip of older Pythons.
  run(python, ...pip, '--upgrade', 'pip>=25.1');
  run(python, ...pip, '--group', 'dev', '--editable', '.[pandas,polars]');
  writeFileSync(stamp, wanted);
};

/** `clients/python`: format, types, tests against the service, and the files that would be published. */
export const pythonPackage = (): ClientPackage => ({
  folder,
  install,
  commands: [
    [python, '--version'],
    [python, '-m', 'ruff', 'check', '.'],
    [python, '-m', 'ruff', 'format', '--check', '.'],
    [python, '-m', 'mypy'],
    [python, '-m', 'pytest', '-q'],
    [python, '-m', 'build', '--outdir', '.venv/dist'],
    ['sh', '-c', '.venv/bin/twine check --strict .venv/dist/*'],
  ],
});

/** The measurements of docs/formats.md. */
export const formatsBenchmark = (): ClientPackage => ({
  folder,
  install,
  commands: [[python, 'benchmarks/formats.py']],
});
