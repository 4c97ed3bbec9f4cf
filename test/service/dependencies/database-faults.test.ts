import { setTimeout as sleep } from 'node:timers/promises';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { Client } from 'pg';
import { setupDatabase, type TestDatabase } from '#testkit/database.ts';
import type { Service } from '#testkit/service.ts';
import type { TcpProxy } from '#testkit/servers/tcp-proxy.ts';
import { startOtlpReceiver, type OtlpReceiver } from '#testkit/servers/otlp-receiver.ts';
import { eventually } from '#testkit/eventually.ts';
import {
  call,
  checksum,
  clearFault,
  damage,
  metric,
  refresh,
  scrape,
  serve,
  setFault,
  takeToken,
  refreshRecordOf,
  throughProxy,
  type Answer,
} from '#testkit/running-service.ts';

type Context = {
  readonly service: Service;
  readonly database: TestDatabase;
  readonly proxy: TcpProxy;
  readonly collector: OtlpReceiver;
  readonly token: string;
  readonly complete: string;
};
const test = anyTest as TestFn<Context>;
const teardowns: (() => unknown)[] = [];

test.before(async (t) => {
  const suite = { teardown: (end: () => unknown) => void teardowns.unshift(end) };
  const database = await setupDatabase(suite);
  const { proxy, url } = await throughProxy(suite, database.url);
  const collector = await startOtlpReceiver(suite);
  const service = await serve(suite, {
    DATABASE_URL: url,
    DATABASE_STATEMENT_TIMEOUT_MS: '1500',
    DATABASE_REFRESH_STATEMENT_TIMEOUT_MS: '4000',
    DATABASE_ACQUIRE_TIMEOUT_MS: '2000',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  });
  await service.logged(({ message }) => message === 'started');
  const token = await takeToken(service);
  t.context = { service, database, proxy, collector, token, complete: await checksum(database) };
});
test.after.always(async () => {
  for (const end of teardowns) await end();
});

const reads = ({ service }: Context): Promise<Answer> =>
  call(`${service.url}/api/v1/assets`, { headers: { 'Cache-Control': 'no-cache' } });

/** The same trace in the answer, the log and the export; the process lives; within ten seconds all is well again. */
const toldAndHealed = async (t: ExecutionContext<Context>, answer: Answer): Promise<void> => {
  const { service, database, collector, token, complete } = t.context;
  const traceId = answer.headers.get('x-trace-id')!;
  const line = await service.logged((entry) => entry.message === 'request' && entry['trace_id'] === traceId);
  t.is(line['request_id'], answer.headers.get('x-request-id'));
  if (answer.status >= 400) t.is(line['code'], answer.body['code']);
  await collector.received(traceId, 10_000);
  t.is(service.process.exitCode, null);
  await service.ready(10_000);
  await eventually(
    async () => (await refresh(service, token, 'tech5')).body['status'] === 'succeeded',
    'a refresh succeeds',
  );
  t.is(await checksum(database), complete);
  t.is((await reads(t.context)).status, 200);
};

/** A refresh held at `point` while `harm` is done to it. */
const harmed = async ({ service, token }: Context, point: string, harm: () => Promise<void>): Promise<Answer> => {
  const before = service.log.length;
  await setFault(service, point, { mode: 'hang', count: 1 });
  const running = refresh(service, token, 'tech5');
  await eventually(
    () => service.log.slice(before).some((line) => line['fault_point'] === point),
    `${point} is reached`,
  );
  await harm();
  return running;
};

const rolledBack = async ({ service }: Context, reason: string): Promise<number> =>
  metric(await scrape(service), 'volwatch_db_transactions_total', {
    operation: 'refresh.apply',
    outcome: 'rolled_back',
    reason,
  });

test.serial('a backend killed during a refresh: rolled back, reported, recovered', async (t) => {
  const { service, database } = t.context;
  await damage(database);
  const damaged = await checksum(database);
  const answer = await harmed(t.context, 'refresh.commit', async () => {
    await database.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and state = 'idle in transaction'`,
    );
    await clearFault(service, 'refresh.commit');
  });
  t.like(answer, { status: 503, body: { code: 'database_unavailable' } }, answer.text);
  t.like(refreshRecordOf(answer), { status: 'rolled_back', reason: 'database_unavailable' });
  t.is(await checksum(database), damaged);
  t.true((await rolledBack(t.context, 'database_unavailable')) >= 1);
  await toldAndHealed(t, answer);
});

test.serial(
  'a deadlock with another transaction: one attempt is rolled back, the next succeeds, no caller gets an error',
  async (t) => {
    const { service, database } = t.context;
    // A refresh writes only differences, so without a changed price it would not wait for the lock on the prices.
    await damage(database);
    const before = await rolledBack(t.context, 'database_conflict');
    const other = new Client({ connectionString: database.url });
    await other.connect();
    await other.query('begin');
    await other.query('select 1 from price for update');
    const answer = await harmed(t.context, 'refresh.store_prices', async () => {
      const waits = other.query('select 1 from asset for update').then(() => other.query('commit'));
      // Past its own look for deadlocks, so that the refresh is the one that finds it.
      await sleep(1_300);
      await clearFault(service, 'refresh.store_prices');
      await waits;
      await other.end();
    });
    t.like(answer.body, { status: 'succeeded' });
    t.is(await rolledBack(t.context, 'database_conflict'), before + 1);
    await toldAndHealed(t, answer);
  },
);

test.serial('a read-only database: refreshes are refused, reads work', async (t) => {
  const { service, database, token } = t.context;
  await damage(database);
  const damaged = await checksum(database);
  const [{ name } = { name: '' }] = (await database.query('select current_database() as name')) as { name: string }[];
  const others = `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`;
  await database.query(`alter database ${name} set default_transaction_read_only = on`);
  await database.query(others);
  await eventually(async () => (await reads(t.context)).status === 200, 'assets are read again');
  const refused = await refresh(service, token, 'tech5');
  t.is(refused.status, 503);
  t.like(refused.body, { code: 'database_unavailable', category: 'database' });
  t.is(await checksum(database), damaged);
  await database.query(`begin read write; alter database ${name} reset default_transaction_read_only; commit`);
  await database.query(others);
  await toldAndHealed(t, refused);
});

test.serial('a slow network: slower answers, the same rows, nothing down', async (t) => {
  const { service, proxy } = t.context;
  proxy.latency(60);
  const began = performance.now();
  const answer = await reads(t.context);
  t.is(answer.status, 200);
  t.true(performance.now() - began >= 110);
  t.is((await call(`${service.url}/health/ready`)).status, 200);
  proxy.restore();
  await toldAndHealed(t, answer);
});

test.serial('a network without answers during a refresh: timeout, and the refresh is rolled back', async (t) => {
  const { service, database, proxy } = t.context;
  await damage(database);
  const damaged = await checksum(database);
  const began = performance.now();
  const answer = await harmed(t.context, 'refresh.commit', async () => {
    proxy.blackhole();
    await clearFault(service, 'refresh.commit');
    await eventually(
      async () => (await call(`${service.url}/health/ready`)).status === 503,
      'the service is not ready',
      5_000,
    );
  });
  t.is(answer.status, 503);
  t.is(answer.body['category'], 'database');
  t.true(performance.now() - began < 15_000);
  // The way back: what hung between the two is gone.
  proxy.cut();
  t.is(await checksum(database), damaged);
  proxy.restore();
  await toldAndHealed(t, answer);
});

test.serial('a server with a full disk: rolled back, reported, recovered when there is space', async (t) => {
  const { service, database, token } = t.context;
  await damage(database);
  const damaged = await checksum(database);
  // What the server says then; the refresh has written half its rows by this time.
  await database.query(
    `create function disk_full() returns trigger language plpgsql as $$
       begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$`,
  );
  await database.query(
    `create trigger disk_full before insert on index_value for each row execute function disk_full()`,
  );
  const answer = await refresh(service, token, 'tech5');
  t.like(answer, { status: 503, body: { code: 'database_unavailable' } }, answer.text);
  t.like(refreshRecordOf(answer), { status: 'rolled_back', reason: 'database_unavailable' });
  t.is(await checksum(database), damaged);
  await database.query('drop function disk_full() cascade');
  await toldAndHealed(t, answer);
});
