import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** The path of a program of .tools/bin. @throws Error if it has not been built */
export const program = (name: string): string => {
  const path = `.tools/bin/${name}`;
  if (!existsSync(path)) throw new Error(`${path} is missing: run npm exec node scripts/tools.ts ${name}`);
  return path;
};

export type Outcome = { readonly good: boolean; readonly output: string; readonly errors: string };

export const attempt = (path: string, args: readonly string[], input?: string): Outcome => {
  const { status, stdout, stderr, error } = spawnSync(path, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    ...(input !== undefined && { input }),
  });
  if (error !== undefined) throw error;
  return { good: status === 0, output: stdout, errors: stderr };
};

export const outputOf = (path: string, args: readonly string[], directory = '.'): string =>
  execFileSync(path, args, { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
