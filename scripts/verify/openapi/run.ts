import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';

/** Linters, generators and the calls that use what was generated. `generated/` is git-ignored. */
export const toolsDirectory = resolve('tools/openapi');
export const generatedDirectory = join(toolsDirectory, 'generated');

/**
 * Where a generator writes, without the files of earlier runs: generators do not remove the file of a schema that was
 * renamed, and the compiler would read it.
 */
export const emptyOutput = (name: string): string => {
  const path = join(generatedDirectory, name);
  rmSync(path, { recursive: true, force: true });
  return path;
};

/** Environment of all programs: Node 24 first on PATH, and no telemetry of tools. */
const environment = {
  ...process.env,
  PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
  REDOCLY_TELEMETRY: 'off',
};

/** Runs a program and shows its output. @throws Error if it fails */
export const run = (program: string, args: readonly string[], directory = toolsDirectory): void => {
  const { status } = spawnSync(program, args, { cwd: directory, env: environment, stdio: 'inherit' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with status ${status}`);
};

/** Runs a program and returns its output with its errors. @throws Error if it fails */
export const outputOf = (program: string, args: readonly string[], directory = toolsDirectory): string =>
  execFileSync(program, args, {
    cwd: directory,
    env: environment,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });

/** Runs `install` if the file that pins the versions has changed since the last time. */
export const installOnce = (pins: string, directory: string, install: () => void): void => {
  const marker = join(directory, '.installed');
  const wanted = readFileSync(join(toolsDirectory, pins), 'utf8');
  if (existsSync(marker) && readFileSync(marker, 'utf8') === wanted) return;
  install();
  writeFileSync(marker, wanted);
};
