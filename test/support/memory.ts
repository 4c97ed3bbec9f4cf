import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Lets the process have `megabytes` more than it has now, and not a byte over that (RLIMIT_DATA, of util-linux). */
export const limitMemory = (pid: number, megabytes: number): void => {
  const kilobytes = Number(/VmData:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  execFileSync('prlimit', ['--pid', String(pid), `--data=${kilobytes * 1_024 + megabytes * 1_048_576}`]);
};
