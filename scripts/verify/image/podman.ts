import { spawnSync } from 'node:child_process';

export type Result = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

const execute = (program: string, args: readonly string[], timeoutMs: number): Result => {
  const result = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 28, timeout: timeoutMs });
  if (result.error !== undefined) throw new Error(`${program}: ${result.error.message}`, { cause: result.error });
  return result;
};

/** @throws Error with the output if the program fails */
export const run = (program: string, args: readonly string[]): string => {
  const { status, stdout, stderr } = execute(program, args, 600_000);
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with status ${status}: ${stdout}${stderr}`);
  return stdout;
};

/** Other runtimes and limits fail in a container, which is where this check may run. */
export const runOptions = ['--runtime=runc', '--ulimit=nofile=4096:4096', '--ulimit=nproc=4096:4096'] as const;

export const podman = (args: readonly string[]): Result => execute('podman', args, 600_000);

/** Runs the image as a cluster does: another root than the host's, read-only, without capabilities. */
export const restricted = [
  '--rm',
  '--read-only',
  '--read-only-tmpfs=false',
  '--cap-drop=ALL',
  '--security-opt=no-new-privileges',
  '--network=host',
] as const;
