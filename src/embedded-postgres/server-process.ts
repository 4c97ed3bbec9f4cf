import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, isAlive } from './embedded-postgres-host.ts';

type ServerState = { readonly pid: number; readonly port: number; readonly ready: boolean };

/** postmaster.pid: pid, data directory, start, port, socket directory, address, shared memory, status. */
export const readPidFile = (data: string): ServerState | undefined => {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
    return { pid: Number(lines[0]), port: Number(lines[3]), ready: lines[7]?.trim() === 'ready' };
  } catch {
    return undefined;
  }
};

const maxWaitMs = 10_000;

/** The time within which `stopServer` has ended a server. */
export const maxStopMs = 3 * maxWaitMs;

/** Fast shutdown; immediate when that takes too long, which costs the next start a recovery and nothing else. */
export const stopServer = async (pid: number): Promise<void> => {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    if (!isAlive(pid)) return;
    process.kill(pid, signal);
    if (await eventually(() => !isAlive(pid), maxWaitMs)) return;
  }
};
