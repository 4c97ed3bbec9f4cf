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
  /** Tells the watcher that the server is stopped, and waits for its end. */
  readonly end: () => Promise<void>;
};

const readyTimeoutMs = 20_000;
const program = fileURLToPath(new URL('./watcher.ts', import.meta.url));

/**
 * Waits for the watcher of a service that is gone: it is stopping the server, which must not be taken over meanwhile.
 * @throws StartError naming the watcher when it takes too long
 */
export const previousWatcherEnded = async (home: string): Promise<void> => {
  const lock = join(home, 'watcher.lock');
  if (await eventually(() => liveOwnerOf(lock) === undefined, maxStopMs + 10_000)) return;
  throw new StartError(`Process ${liveOwnerOf(lock)} is still stopping the PostgreSQL of an earlier run in ${home}`);
};

/** Starts the process that stops the server in `home` when this process is gone. Resolves when it watches. */
export const startWatcher = async (home: string, logger: Logger): Promise<Watcher> => {
  const child = spawn(process.execPath, [program, home, String(process.pid)], {
    cwd: '/',
    env: serverEnvironment,
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  let ending = false;
  // Its end of the pipe may be closed when we write the last message.
  child.stdin.on('error', () => {});
  const exited = once(child, 'exit');
  // An `error` (the program cannot be run) rejects it; nobody may be waiting yet.
  exited.catch(() => {});
  const ready = new Promise<boolean>((done) => {
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (said === watching) done(true);
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
  // Neither may keep this process from ending.
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
