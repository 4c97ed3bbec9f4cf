import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createServer, type AddressInfo } from 'node:net';
import test from 'ava';
import { Client } from 'pg';
import { startService } from '#testkit/service.ts';
import {
  call,
  metric,
  openMetrics,
  price,
  privateKeyPem,
  scrape,
  serve,
  settings,
  temporaryDirectory,
} from '#testkit/running-service.ts';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';

/** What a start that fails says, and its exit status. */
const refusedStart = async (environment: Record<string, string | undefined>): Promise<string> => {
  try {
    const service = await startService({ environment });
    await service.stop();
  } catch (error) {
    return (error as Error).message;
  }
  return 'it started';
};

test('a faulty configuration names every fault at once and no value, with status 78', async (t) => {
  const said = await refusedStart({
    NODE_ENV: 'production',
    PORT: 'seventy',
    DATABASE_SSL: 'maybe',
    FAULT_INJECTION: 'true',
    BOOTSTRAP_CLIENT_ID: 'desk',
    DATABASE_URL: 'mysql://root:hunter2@db/volwatch',
  });
  t.regex(said, /ended first \(78\)/);
  for (const name of [
    'PORT',
    'DATABASE_SSL',
    'FAULT_INJECTION',
    'BOOTSTRAP_CLIENT_SECRET',
    'DATABASE_URL',
    'REDIS_URL',
    'JWT_PRIVATE_KEY',
  ]) {
    t.regex(said, new RegExp(`^ +${name} \\S`, 'm'));
  }
  t.notRegex(said, /seventy|hunter2|maybe/);
});

test('CORS_ORIGINS=null, which every sandboxed page can send, is refused in one line with the name of the variable', async (t) => {
  const said = await refusedStart({ CORS_ORIGINS: 'null', VOLWATCH_DIRECTORY: temporaryDirectory(t) });
  t.regex(said, /ended first \(78\)/);
  t.regex(said, /^ +CORS_ORIGINS must list origins such as https:\/\/app\.example.+$/m);
});

test('production with a Google client but without TOKEN_ENCRYPTION_KEY does not start: one line names it, status 78', async (t) => {
  const said = await refusedStart({
    NODE_ENV: 'production',
    JWT_PRIVATE_KEY: privateKeyPem,
    DATABASE_URL: 'postgres://127.0.0.1:1/none',
    REDIS_URL: 'redis://127.0.0.1:1',
    GOOGLE_CLIENT_ID: 'volwatch.apps.example',
    GOOGLE_CLIENT_SECRET: 'canary-google-secret',
    VOLWATCH_DIRECTORY: temporaryDirectory(t),
  });
  t.regex(said, /ended first \(78\)/);
  const named = [...said.matchAll(/^ +([A-Z][A-Z_]+) /gm)].map(([, name]) => name);
  t.deepEqual(named, ['TOKEN_ENCRYPTION_KEY'], said);
  t.regex(said, /TOKEN_ENCRYPTION_KEY is required in production with GOOGLE_CLIENT_ID/);
  t.notRegex(said, /canary-google-secret/);
});

test('an invalid key is a configuration fault', async (t) => {
  const said = await refusedStart({
    JWT_PRIVATE_KEY: 'canary-no-key',
    VOLWATCH_DIRECTORY: temporaryDirectory(t),
    DATABASE_URL: 'postgres://127.0.0.1:1/none',
  });
  t.regex(said, /ended first \(78\)/);
  t.regex(said, /^ +JWT_PRIVATE_KEY /m);
  t.notRegex(said, /canary-no-key/);
});

test('a port in use: one line, status 1, and the embedded PostgreSQL is stopped', async (t) => {
  const taken = createServer();
  await new Promise<void>((done) => taken.listen(0, '127.0.0.1', done));
  t.teardown(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  const directory = temporaryDirectory(t);
  const said = await refusedStart({ PORT: String(port), VOLWATCH_DIRECTORY: directory });
  t.regex(said, /ended first \(1\)/);
  t.regex(
    said,
    new RegExp(`Cannot listen on 127\\.0\\.0\\.1:${port} \\(PORT\\): something else listens there already`),
  );
  t.notRegex(said, /\n\s+at /);
  t.regex(readFileSync(join(directory, 'postgres', 'server.log'), 'utf8'), /database system is shut down/);
  t.false(existsSync(join(directory, 'postgres', 'data', 'postmaster.pid')));
});

/** Niceness of the threads with this name, from /proc. */
const nicenessOf = (pid: number, name: string): number[] =>
  readdirSync(`/proc/${pid}/task`)
    .map((thread) => readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8'))
    .filter((stat) => stat.includes(`(${name})`))
    // The fields after the name; the niceness is number 19 in proc(5), and the name is number 2.
    .map((stat) => Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]));

test('without telemetry the service works, and /metrics has build and process metrics', async (t) => {
  const database = await setupDatabase(t);
  const service = await serve(t, { ...settings, DATABASE_URL: database.url, TELEMETRY_ENABLED: 'false' });
  await service.logged(({ message }) => message === 'started');
  if (process.platform === 'linux') {
    const helpers = nicenessOf(service.pid, 'libuv-worker');
    t.true(helpers.length >= 4, 'the threads of libuv exist');
    t.deepEqual(new Set(helpers), new Set([12]), 'the event loop comes before them');
  }
  const second = await refusedStart({ DATABASE_URL: database.url, PORT: new URL(service.url).port });
  t.regex(second, /something else listens there already/, 'the port is not shared with another service');
  const priced = await price(service);
  t.is(priced.status, 200);
  t.regex(priced.headers.get('x-trace-id') ?? '', /^[0-9a-f]{32}$/);
  t.is((await call(`${service.url}/api/v1/indexes/TECH5_EW/values`)).status, 200);
  t.is((await database.query(`select 1 from refresh where status = 'succeeded' and trace_id is null`)).length, 2);
  for (const accept of ['text/plain', openMetrics]) {
    const text = await scrape(service, accept);
    t.is(metric(text, 'volwatch_build_info'), 1);
    t.true(metric(text, 'process_resident_memory_bytes') > 0);
    t.regex(text, /^nodejs_eventloop_lag_seconds /m);
    t.notRegex(text, /http_server_request_duration|db_client|volwatch_errors/);
  }
});

test('the start ends with a log line and status 1 for a foreign schema', async (t) => {
  const database = await setupDatabase(t, { migrated: false });
  await database.query('create table asset (somebody text)');
  const service = await serve(t, { DATABASE_URL: database.url });
  t.is((await service.exited).code, 1);
  const line = service.log.find(({ message }) => message === 'the start failed');
  t.like(line, { level: 'error', err: { code: '42P07' } });
  t.is(service.log.at(-1)?.message, 'stopped');
});

test('revoked tokens are polled although a later step of the start cannot go on', async (t) => {
  const database = await setupDatabase(t);
  const holder = new Client({ connectionString: database.url });
  t.teardown(() => holder.end());
  await holder.connect();
  await holder.query('begin; lock table refresh in access exclusive mode');
  const service = await serve(t, { DATABASE_URL: database.url, DATABASE_STATEMENT_TIMEOUT_MS: '500' });
  await service.logged(({ message, code }) => message === 'the start is interrupted' && code === 'database_timeout');
  const scans = `select coalesce(seq_scan, 0) + coalesce(idx_scan, 0) as scans from pg_stat_user_tables where relname = 'revoked_token'`;
  await eventually(
    async () => Number((await database.query(scans))[0]?.['scans']) > 1,
    'the table of revoked tokens is read',
    20_000,
  );
  t.false(service.log.some(({ message }) => message === 'started'));
});
