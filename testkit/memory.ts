import { execFileSync } from 'node:child_process';
import { mebibyte, memoryBytesOf } from './measures/processes.ts';

/** Module for `--import`: at SIGUSR2 the process fills its heap until it gets no more memory. */
export const fillHeapOnSignal = `data:text/javascript,process.on('SIGUSR2',()=>{for(const kept=[];;)kept.push(new Array(1e5).fill(0.5))})`;

/**
 * Makes a process run out of memory, as in a full container: it gets at most 8 MiB more than it has (RLIMIT_DATA, set by
 * prlimit of util-linux), and it asks for more. The process must have been started with `fillHeapOnSignal`.
 */
export const exhaustMemory = (pid: number): void => {
  execFileSync('prlimit', ['--pid', String(pid), `--data=${memoryBytesOf(pid, 'VmData') + 8 * mebibyte}`]);
  process.kill(pid, 'SIGUSR2');
};
