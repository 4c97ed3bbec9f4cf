import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setPriority } from 'node:os';

/** The name that libuv gives to the threads that decompress bodies, hash passwords and read files. */
const helperName = 'libuv-worker';
/** Not lower, because they also hash passwords: with 15, sign-ins beside a flood took more than 20 s. */
const helperNiceness = 12;

/**
 * Sets the niceness of those threads of this process that exist now and have a wanted name. `os.setPriority` changes one thread only. Only Linux
 * has priorities of threads; elsewhere nothing changes.
 */
const setThreadsPriority = (niceness: number, isWanted: (name: string) => boolean): void => {
  if (process.platform !== 'linux') return;
  for (const thread of readdirSync('/proc/self/task')) {
    try {
      const name = readFileSync(`/proc/self/task/${thread}/comm`, 'utf8').trim();
      if (isWanted(name)) setPriority(Number(thread), niceness);
    } catch {
      // The thread has ended, or the system does not allow it.
    }
  }
};

/**
 * Gives the helper threads of this process a lower priority than its event loop. Four of them decompress bodies at the same
 * time, and on two processors the event loop, which serves every client, would wait for its turn as often as it works.
 * See docs/decisions/0240 and 0337.
 */
export const lowerHelperThreads = async (): Promise<void> => {
  // libuv makes the threads for its first work.
  await readFile(import.meta.filename);
  setThreadsPriority(helperNiceness, (name) => name === helperName);
};

/** Lowers the priority of all threads of this process. Later threads begin with the priority of the thread that makes them. */
export const lowerAllThreads = (niceness: number): void => setThreadsPriority(niceness, () => true);
