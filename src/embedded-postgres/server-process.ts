import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, isAlive } from './embedded-postgres-host.ts';

type ServerState = { readonly pid: number; readonly port: number; readonly ready: boolean };

/** Lines of postmaster.pid: pid, data directory, start time, port, socket directory, address, shared memory, status. */
export const readPidFile = (data: string): ServerState | undefined => {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
    return { pid: Number(lines[0]), port: Number(lines[3]), ready: lines[7]?.trim() === 'ready' };
  } catch {
    return undefined;
  }
};

const maxWaitMs = 10_000;

/** Max duration of `stopServer`. */
export const maxStopMs = 3 * maxWaitMs;

/**
 * Does a fast shutdown (SIGINT). If that takes too long, an immediate shutdown (SIGQUIT), after which the next start
 * runs a recovery; at last SIGKILL.
 */
export const stopServer = async (pid: number): Promise<void> => {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    if (!isAlive(pid)) return;
    process.kill(pid, signal);
    if (await eventually(() => !isAlive(pid), maxWaitMs)) return;
  }
};
