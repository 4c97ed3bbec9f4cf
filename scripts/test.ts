/**
 * Runs AVA beside the real servers that tests use: one PostgreSQL with a migrated template database, one Redis, both on
 * free loopback ports and gone afterwards. `node scripts/test.ts [--coverage] [--retry] [ava arguments]`. With --retry,
 * files that failed run once more, each alone, and decide: hundreds of tests wait for real timeouts, and beside a
 * neighbour's load one may be unlucky. What was retried is said.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { commandOf, isAlive } from '#src/embedded-postgres/embedded-postgres-host.ts';
import { startEmbeddedPostgres } from '#src/embedded-postgres/embedded-postgres.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { createTemplate } from '#testkit/migrations.ts';
import { freePort } from '#src/embedded-postgres/free-port.ts';
import { onPath } from './support/on-path.ts';

const exited = (child: ChildProcess): Promise<number> =>
  new Promise((done) => {
    if (child.exitCode !== null || child.signalCode !== null) return done(child.exitCode ?? 1);
    child.once('exit', (code) => done(code ?? 1));
  });

const startRedis = async (directory: string): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> => {
  const program = ['redis-server', 'valkey-server'].find(onPath);
  if (!program)
    throw new Error('No redis-server (or valkey-server) on PATH, which the tests need: run `npm run setup`');
  const port = await freePort();
  const files = ['--save', '', '--appendonly', 'no', '--dir', directory, '--pidfile', join(directory, 'redis.pid')];
  const settings = ['--port', String(port), '--bind', '127.0.0.1', ...files];
  // Groups of their own: Ctrl-C reaches the tests first, and the servers when they are done.
  const child = spawn(program, settings, { stdio: 'ignore', detached: true });
  const client = new Redis({ port, lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => {});
  for (let attempt = 0; client.status !== 'ready'; attempt += 1) {
    if (attempt === 100 || child.exitCode !== null) throw new Error(`${program} did not start`);
    await client.connect().catch(() => sleep(50));
  }
  client.disconnect();
  return {
    url: `redis://127.0.0.1:${port}`,
    stop: async () => {
      child.kill('SIGTERM');
      await exited(child);
    },
  };
};

const prefix = 'volwatch-test-';

/**
 * In memory where there is room: tests make and drop hundreds of databases of 300 files each, and ext4 then spends more
 * processor time on finding free inodes than the tests need.
 */
const scratch = ((): string => {
  try {
    const { bsize, bavail } = statfsSync('/dev/shm');
    if (bsize * bavail > 4 * 2 ** 30) return '/dev/shm';
  } catch {
    // Not on this system.
  }
  return tmpdir();
})();

/** Ends the servers of an earlier run that was killed, and removes what it left. */
const sweep = (): void => {
  for (const name of readdirSync(scratch).filter((entry) => entry.startsWith(prefix))) {
    const owner = Number(name.slice(prefix.length).split('-')[0]);
    if (!Number.isInteger(owner) || isAlive(owner)) continue;
    const left = join(scratch, name);
    for (const [file, program] of [
      ['postgres/data/postmaster.pid', left],
      ['redis.pid', '-server'],
    ] as const) {
      try {
        const pid = Number(readFileSync(join(left, file), 'utf8').split('\n')[0]);
        if (commandOf(pid).includes(program)) process.kill(pid, 'SIGQUIT');
      } catch {
        // Not there, or not ours to read or end.
      }
    }
    rmSync(left, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
};

const ours = ['--coverage', '--retry'];
const [coverage, retry] = ours.map((flag) => process.argv.includes(flag));
const avaArguments = process.argv.slice(2).filter((argument) => !ours.includes(argument));
sweep();
const directory = mkdtempSync(join(scratch, `${prefix}${process.pid}-`));
// As root the server runs as user postgres, who must be able to enter.
chmodSync(directory, 0o711);
const temporary = join(directory, 'tmp');
mkdirSync(temporary);
chmodSync(temporary, 0o1777);
const stops: (() => Promise<void>)[] = [];
let tests: ChildProcess | undefined;
let status = 1;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => tests?.kill(signal));

try {
  const redis = await startRedis(directory);
  stops.push(redis.stop);
  const postgres = await startEmbeddedPostgres({
    directory,
    logger: silentLogger,
    durable: false,
    maxConnections: 200,
  });
  stops.push(postgres.stop);
  await createTemplate(postgres.url);
  const environment = {
    ...process.env,
    TMPDIR: temporary,
    TEST_DATABASE_URL: postgres.url,
    TEST_REDIS_URL: redis.url,
    // Every test file is a process that compiles the same modules; coverage needs them compiled anew.
    ...(!coverage && { NODE_COMPILE_CACHE: join(directory, 'compile-cache') }),
  };
  const run = async (program: readonly string[], output: (text: string) => void): Promise<number> => {
    tests = spawn(process.execPath, program, {
      stdio: ['inherit', retry ? 'pipe' : 'inherit', 'inherit'],
      env: environment,
    });
    tests.stdout?.setEncoding('utf8').pipe(process.stdout, { end: false });
    tests.stdout?.on('data', output);
    return exited(tests);
  };
  const ava = 'node_modules/ava/entrypoints/cli.js';
  let report = '';
  status = await run(
    [...(coverage ? ['node_modules/c8/bin/c8.js', process.execPath] : []), ava, ...avaArguments],
    (text) => (report += text),
  );
  // Names of files stand only where something is wrong with them.
  const failed = new Set(report.match(/test\/[\w/-]+\.test\.ts/g));
  if (retry && status !== 0 && tests?.signalCode === null && failed.size > 0) {
    console.log(`\nOnce more, alone: ${[...failed].join(' ')}`);
    status = await run([ava, '--serial', '--concurrency', '1', ...failed], () => {});
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
} finally {
  for (const stop of stops.reverse()) await stop();
  rmSync(directory, { recursive: true, force: true });
}
process.exitCode = status;
