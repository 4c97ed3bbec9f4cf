import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { eventually } from '#testkit/eventually.ts';
import type { Scope } from '#testkit/scope.ts';

type Teardown = Pick<Scope, 'teardown'>;

export const temporaryDirectory = (scope: Teardown): string => {
  const directory = mkdtempSync(join(tmpdir(), 'volwatch-verify-'));
  scope.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
};

export type Program = { readonly pid: number; readonly output: () => string; readonly stop: () => Promise<void> };

type Start = { readonly environment?: Readonly<Record<string, string>>; readonly startMs?: number };
type Readiness = { readonly readyUrl: string } | { readonly isReady: () => Promise<boolean> };

/**
 * Starts a program of .tools/bin and waits until `readyUrl` answers 200, or until `isReady`. It ends with the scope.
 * @throws Error with the output of the program if it ends first or is not ready within `startMs`
 */
export const startProgram = async (
  scope: Teardown,
  name: string,
  argumentList: readonly string[],
  { environment = {}, startMs = 30_000, ...ready }: Readiness & Start,
): Promise<Program> => {
  if (!existsSync(join('.tools/bin', name)))
    throw new Error(`.tools/bin/${name} is missing: run npm exec node scripts/tools.ts`);
  const child = spawn(resolve('.tools/bin', name), [...argumentList], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...environment },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const ended = once(child, 'exit');
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
    await ended;
    clearTimeout(timer);
  };
  scope.teardown(stop);
  const isUp = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`${name} did not start:\n${output}`);
    if ('isReady' in ready) return ready.isReady();
    const response = await fetch(ready.readyUrl).catch(() => undefined);
    await response?.arrayBuffer();
    return response?.ok === true;
  };
  await eventually(isUp, () => `${name} is ready:\n${output}`, startMs, 200);
  return { pid: child.pid!, output: () => output, stop };
};
