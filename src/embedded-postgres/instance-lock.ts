import { linkSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { isAlive } from './embedded-postgres-host.ts';
import { StartError } from '#src/kernel/start-error.ts';

/** When a process began, to tell it from a later one with the same pid; empty where the system does not say. */
const beganAt = (pid: number): string => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
};

const ownerOf = (path: string): { readonly pid: number; readonly began: string } | undefined => {
  try {
    const [pid, began = ''] = readFileSync(path, 'utf8').trim().split(' ');
    return { pid: Number(pid), began };
  } catch {
    return undefined;
  }
};

/** The process that a lock file names, whether or not it is alive. */
export const ownerPidOf = (path: string): number | undefined => ownerOf(path)?.pid;

/** The process that holds the lock; undefined when nobody does or the one that did is gone. */
export const liveOwnerOf = (path: string): number | undefined => {
  const owner = ownerOf(path);
  return owner && isAlive(owner.pid) && beganAt(owner.pid) === owner.began ? owner.pid : undefined;
};

/**
 * One service per directory: a file with our pid that appears whole or not at all (written aside, then linked), and
 * that a killed process leaves behind without stopping the next.
 * @returns how to let go
 * @throws StartError naming the process that holds it
 */
export const holdInstanceLock = (path: string): (() => void) => {
  const aside = `${path}.${process.pid}`;
  writeFileSync(aside, `${process.pid} ${beganAt(process.pid)}\n`, { mode: 0o600 });
  try {
    for (;;) {
      try {
        linkSync(aside, path);
        return () => rmSync(path, { force: true });
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
        const owner = liveOwnerOf(path);
        if (owner !== undefined) {
          throw new StartError(
            `Another Volwatch (process ${owner}) already runs on ${path}; stop it, or set DATABASE_URL`,
            {
              cause: error,
            },
          );
        }
        rmSync(path, { force: true });
      }
    }
  } finally {
    unlinkSync(aside);
  }
};
