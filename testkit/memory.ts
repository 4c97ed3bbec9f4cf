import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** For `--import`: a process that, once it is told to, wants more memory than there is. */
export const hungryWhenTold = `data:text/javascript,process.on('SIGUSR2',()=>{for(const kept=[];;)kept.push(new Array(1e5).fill(0.5))})`;

/**
 * As in a container that is full: what the process has it keeps, more than 8 MB above that it does not get (RLIMIT_DATA,
 * by util-linux), and wants. The process must have been started with `hungryWhenTold`.
 */
export const exhaustMemory = (pid: number): void => {
  const kilobytes = Number(/VmData:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  execFileSync('prlimit', ['--pid', String(pid), `--data=${kilobytes * 1_024 + 8 * 1_048_576}`]);
  process.kill(pid, 'SIGUSR2');
};
