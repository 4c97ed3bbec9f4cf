/**
 * Runs AVA with real servers: one PostgreSQL with a migrated template database and one Redis, both on free loopback
 * ports, removed afterwards. `node scripts/test.ts [--coverage] [--retry] [--report=FILE] [--long | --event-loop] [ava arguments]`.
 *
 * Without names of files the usual tests run; with --long those that start many processes, with --event-loop the one that
 * measures the event loop. A file that is named runs whatever its kind is.
 *
 * With --retry each file with a failure runs once more, alone, and the second result counts. The reason: hundreds of
 * tests wait for real timeouts, and the load of other programs can delay one of them. The files that were repeated are
 * printed at the end; --report writes the same lines to a file.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Redis } from 'ioredis';
import { commandOf, isAlive } from '#src/embedded-postgres/embedded-postgres-host.ts';
import { startEmbeddedPostgres } from '#src/embedded-postgres/embedded-postgres.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { eventually } from '#testkit/eventually.ts';
import { createTemplate } from '#testkit/migrations.ts';
import { freePort } from '#src/embedded-postgres/free-port.ts';
import { onPath } from './support/on-path.ts';
import { endSilentRun } from './support/silent-run.ts';
import { createTestTotals } from './support/test-totals.ts';

const exited = (child: ChildProcess): Promise<number> =>
  new Promise((done) => {
    if (child.exitCode !== null || child.signalCode !== null) return done(child.exitCode ?? 1);
    child.once('exit', (code) => done(code ?? 1));
  });

const startRedis = async (directory: string): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> => {
  const program = ['redis-server', 'valkey-server'].find(onPath);
  if (!program) throw new Error('No redis-server (or valkey-server) on PATH; the tests need it: run `npm run setup`');
  const port = await freePort();
  const files = ['--save', '', '--appendonly', 'no', '--dir', directory, '--pidfile', join(directory, 'redis.pid')];
  const settings = ['--port', String(port), '--bind', '127.0.0.1', ...files];
  // A process group of its own, because Ctrl-C must reach the tests first and the servers after them.
  const child = spawn(program, settings, { stdio: 'ignore', detached: true });
  const client = new Redis({ port, lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => {});
  const isUp = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`${program} did not start`);
    await client.connect().catch(() => {});
    return client.status === 'ready';
  };
  await eventually(isUp, `${program} accepts connections`);
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
 * The directory is in memory if 4 GB are free. The tests create and drop hundreds of databases with 300 files each. On
 * ext4 the search for free inodes uses more processor time than the tests themselves.
 */
const scratch = ((): string => {
  try {
    const { bsize, bavail } = statfsSync('/dev/shm');
    if (bsize * bavail > 4 * 2 ** 30) return '/dev/shm';
  } catch {
    // This system has no /dev/shm.
  }
  return tmpdir();
})();

/** Ends the servers of earlier runs that were killed, and removes their directories. */
const removeLeftovers = (): void => {
  for (const name of readdirSync(scratch).filter((entry) => entry.startsWith(prefix))) {
    const owner = Number(name.slice(prefix.length).split('-')[0]);
    if (!Number.isInteger(owner) || isAlive(owner)) continue;
    const leftover = join(scratch, name);
    for (const [file, program] of [
      ['postgres/data/postmaster.pid', leftover],
      ['redis.pid', '-server'],
    ] as const) {
      try {
        const pid = Number(readFileSync(join(leftover, file), 'utf8').split('\n')[0]);
        if (commandOf(pid).includes(program)) process.kill(pid, 'SIGQUIT');
      } catch {
        // The file does not exist, or this user may not read it or end the process.
      }
    }
    rmSync(leftover, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
};

const ownFlags = ['--coverage', '--retry', '--long', '--event-loop'];
const [coverage, retry, isLong, isEventLoop] = ownFlags.map((flag) => process.argv.includes(flag));
const reportFile = process.argv.find((argument) => argument.startsWith('--report='))?.slice('--report='.length);
const avaArguments = process.argv
  .slice(2)
  .filter((argument) => !ownFlags.includes(argument) && !argument.startsWith('--report='));
const namesFiles = avaArguments.some((argument) => argument.endsWith('.ts'));
/** The key of `parts` in ava.config.js. */
const part = namesFiles ? 'named' : isLong ? 'long' : isEventLoop ? 'eventLoop' : 'usual';
// On a terminal AVA writes its coloured output directly, so this script cannot read it at the same time.
const readsOutput = retry === true || reportFile !== undefined || !process.stdout.isTTY;
removeLeftovers();
const directory = mkdtempSync(join(scratch, `${prefix}${process.pid}-`));
// If root starts this script, the server runs as user postgres, which must be able to enter the directory.
chmodSync(directory, 0o711);
const temporary = join(directory, 'tmp');
mkdirSync(temporary);
chmodSync(temporary, 0o1777);
const stops: (() => Promise<void>)[] = [];
let tests: ChildProcess | undefined;
let status = 1;
const totals = createTestTotals();
const repeated: string[] = [];
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
    TEST_KEYS_DIRECTORY: join(directory, 'keys'),
    TEST_PART: part,
    // Each test file is a process that compiles the same modules. Coverage needs compilation in each process.
    ...(!coverage && { NODE_COMPILE_CACHE: join(directory, 'compile-cache') }),
  };
  const run = async (program: readonly string[], output: (text: string) => void): Promise<number> => {
    tests = spawn(process.execPath, program, {
      stdio: ['inherit', readsOutput ? 'pipe' : 'inherit', 'inherit'],
      env: environment,
    });
    tests.stdout?.setEncoding('utf8').pipe(process.stdout, { end: false });
    if (!readsOutput) return exited(tests);
    const silence = endSilentRun(tests);
    tests.stdout?.on('data', (text: string) => {
      silence.heard();
      output(text);
    });
    return exited(tests).finally(silence.stop);
  };
  const ava = 'node_modules/ava/entrypoints/cli.js';
  status = await run(
    [...(coverage ? ['node_modules/c8/bin/c8.js', process.execPath] : []), ava, ...avaArguments],
    totals.read,
  );
  const failed = totals.failedFiles();
  if (retry && status !== 0 && tests?.signalCode === null && failed.length > 0) {
    console.log(`\nRepeated, each alone: ${failed.join(' ')}`);
    repeated.push(...failed);
    totals.forgetFailures();
    status = await run([ava, '--serial', '--concurrency', '1', ...failed], totals.read);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
} finally {
  for (const stop of stops.reverse()) await stop();
  rmSync(directory, { recursive: true, force: true });
}
if (readsOutput) {
  const lines = [
    ...repeated.map((file) => `repeated: ${file} (it failed beside other files)`),
    totals.line(status === 0),
  ];
  console.log(`\n${lines.join('\n')}`);
  if (reportFile !== undefined) {
    mkdirSync(dirname(reportFile), { recursive: true });
    writeFileSync(reportFile, `${lines.join('\n')}\n`);
  }
}
process.exitCode = status;
