import { readdirSync, readFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/** The name that libuv gives to the threads that decompress bodies, hash passwords and read files. */
const helperName = 'libuv-worker';
const helperNiceness = 10;

/**
 * Gives the helper threads of this process a lower priority than its event loop. Four of them decompress bodies at the same
 * time, and on two processors the event loop, which serves every client, would wait for its turn as often as it works.
 * The threads exist after the first file was read. Only Linux has priorities of threads; elsewhere nothing changes. See
 * docs/decisions/0240.
 */
export const lowerHelperThreads = (): void => {
  if (process.platform !== 'linux') return;
  for (const thread of readdirSync('/proc/self/task')) {
    try {
      const name = readFileSync(`/proc/self/task/${thread}/comm`, 'utf8').trim();
      if (name === helperName) setPriority(Number(thread), helperNiceness);
    } catch {
      // The thread has ended, or the system does not allow it.
    }
  }
};
