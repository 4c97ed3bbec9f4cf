import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from '#src/kernel/ports/logger.ts';
import { StartError } from '#src/kernel/start-error.ts';
import { eventually, serverEnvironment } from './embedded-postgres-host.ts';
import { liveOwnerOf } from './instance-lock.ts';
import { maxStopMs } from './server-process.ts';
import { serverIs, serverStopped, watching } from './watcher-messages.ts';

export type Watcher = {
  readonly serverIs: (pid: number) => void;
  /** Reports to the watcher that the server is stopped, and waits until the watcher has ended. */
  readonly end: () => Promise<void>;
};

const readyTimeoutMs = 20_000;
const program = fileURLToPath(new URL('./watcher.ts', import.meta.url));

/**
 * Waits until the watcher of an earlier service has ended. It is stopping the server, so the server must not be used.
 * @throws StartError with the pid of the watcher if it takes too long
 */
export const previousWatcherEnded = async (home: string): Promise<void> => {
  const lock = join(home, 'watcher.lock');
  if (await eventually(() => liveOwnerOf(lock) === undefined, maxStopMs + 10_000)) return;
  throw new StartError(`Process ${liveOwnerOf(lock)} is still stopping the PostgreSQL of an earlier run in ${home}`);
};

/** Starts the process that stops the server in `home` if this process ends. Resolves when it is ready. */
export const startWatcher = async (home: string, logger: Logger): Promise<Watcher> => {
  const child = spawn(process.execPath, [program, home, String(process.pid)], {
    cwd: '/',
    env: serverEnvironment,
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  let ending = false;
  // The watcher may have closed its end of the pipe before the last message is written.
  child.stdin.on('error', () => {});
  const exited = once(child, 'exit');
  // If the program cannot be run, this rejects, possibly before anything awaits it.
  exited.catch(() => {});
  const ready = new Promise<boolean>((done) => {
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output === watching) done(true);
    });
    child.once('exit', () => done(false)).once('error', () => done(false));
    setTimeout(() => done(false), readyTimeoutMs).unref();
  });
  if (!(await ready)) {
    child.kill('SIGKILL');
    throw new Error('The process that watches over the embedded PostgreSQL did not start');
  }
  child.once('exit', () => {
    if (!ending) logger.warn({}, 'the process that stops PostgreSQL after a crash of this one has ended');
  });
  // The child and its pipes must not keep this process alive.
  child.unref();
  child.stdout.destroy();
  (child.stdin as unknown as { readonly unref: () => void }).unref();
  return {
    serverIs: (pid) => void child.stdin.write(serverIs(pid)),
    end: async () => {
      ending = true;
      child.ref();
      child.stdin.end(serverStopped);
      await exited;
    },
  };
};
