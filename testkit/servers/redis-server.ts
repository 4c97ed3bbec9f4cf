import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { Redis } from 'ioredis';
import { freePort } from '#src/embedded-postgres/free-port.ts';

export type RedisServer = {
  readonly url: string;
  readonly port: number;
  /** A connection that the code under test does not use. */
  readonly admin: Redis;
  /** Ends the process; its port refuses connections. */
  readonly stop: () => Promise<void>;
  /** Starts it again on the same port, empty. */
  readonly start: () => Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  readonly hang: () => void;
  readonly wake: () => void;
};

/**
 * Starts a Redis for one test, which may stop or hang it; removed on teardown.
 * @param settings further settings as arguments of the program
 */
export const startRedisServer = async (
  t: Pick<ExecutionContext, 'teardown'>,
  settings: readonly string[] = [],
): Promise<RedisServer> => {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), 'volwatch-redis-'));
  const admin = new Redis({ port, lazyConnect: true, retryStrategy: () => 20, maxRetriesPerRequest: 500 });
  admin.on('error', () => {});
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    const usual = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', directory];
    child = spawn('redis-server', [...usual, ...settings], { stdio: 'ignore' });
    await admin.ping();
  };
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  await start();
  t.teardown(async () => {
    admin.disconnect();
    await stop();
    rmSync(directory, { recursive: true, force: true });
  });
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    admin,
    start,
    stop,
    hang: () => void child.kill('SIGSTOP'),
    wake: () => void child.kill('SIGCONT'),
  };
};
