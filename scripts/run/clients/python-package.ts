import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isUsablePython, requirePython } from '../../support/python.ts';
import type { ClientPackage } from './client-package.ts';

const folder = resolve('clients/python');
/** Ignored by git. */
const environment = join(folder, '.venv');
const python = join(environment, 'bin/python');
/** The state of pyproject.toml that the virtual environment was made for. */
const stamp = join(environment, 'installed-pyproject.toml');

const install = (): void => {
  const wanted = readFileSync(join(folder, 'pyproject.toml'), 'utf8');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted && isUsablePython(python)) return;
  const base = requirePython();
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
