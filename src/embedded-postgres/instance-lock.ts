import { linkSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { isAlive } from './embedded-postgres-host.ts';
import { StartError } from '#src/kernel/start-error.ts';

/**
 * The start time of a process, because a later process can have the same pid. Empty if the system does not provide it.
 */
const startTimeOf = (pid: number): string => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
};

const ownerOf = (path: string): { readonly pid: number; readonly startTime: string } | undefined => {
  try {
    const [pid, startTime = ''] = readFileSync(path, 'utf8').trim().split(' ');
    return { pid: Number(pid), startTime };
  } catch {
    return undefined;
  }
};

/** Returns the pid in a lock file, of a running or an ended process. */
export const ownerPidOf = (path: string): number | undefined => ownerOf(path)?.pid;

/** Returns the pid of the process that holds the lock. Undefined if the lock is free or its process has ended. */
export const liveOwnerOf = (path: string): number | undefined => {
  const owner = ownerOf(path);
  return owner && isAlive(owner.pid) && startTimeOf(owner.pid) === owner.startTime ? owner.pid : undefined;
};

/**
 * Takes the lock of a directory, so that only one service uses it. The lock is a file with our pid. It is written under
 * another name and then linked, so an incomplete file is never visible. The file of a killed process does not block the
 * next start.
 * @returns a function that releases the lock
 * @throws StartError with the pid of the process that holds the lock
 */
export const holdInstanceLock = (path: string): (() => void) => {
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, `${process.pid} ${startTimeOf(process.pid)}\n`, { mode: 0o600 });
  try {
    for (;;) {
      try {
        linkSync(temporary, path);
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
    unlinkSync(temporary);
  }
};
