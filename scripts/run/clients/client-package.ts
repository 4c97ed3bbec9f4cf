import { spawn } from 'node:child_process';
import { once } from 'node:events';

export type Command = readonly [program: string, ...parameters: string[]];

/** How one client package is installed, checked and tested. */
export type ClientPackage = {
  readonly folder: string;
  readonly install: () => void;
  /** Run in order, with the address and the credential of a running service in the environment. */
  readonly commands: readonly Command[];
};

/** Runs a command and prints its output. @throws Error if its exit status is not 0 */
export const runCommand = async (
  cwd: string,
  [program, ...parameters]: Command,
  environment: Readonly<Record<string, string>> = {},
): Promise<void> => {
  console.log(`$ ${[program.split('/').at(-1), ...parameters].join(' ')}`);
  const child = spawn(program, parameters, {
    cwd,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [status] = (await once(child, 'exit')) as [number | null];
  if (status !== 0) throw new Error(`${program} ${parameters.join(' ')} ended with status ${status}`);
};
