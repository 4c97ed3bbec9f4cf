import { randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { Client } from 'pg';
import { call, dependencyStatus, refresh, serve, takeToken } from '#testkit/running-service.ts';
import { setupDatabase } from '#testkit/database.ts';
import { operate, type CommandResult } from '#testkit/commands/operate.ts';

/** The command of the migration Job. */
const migrate = (url: string, ...words: string[]): Promise<CommandResult> =>
  operate({ url }, 'db.ts', 'migrate', ...words);

/** An empty database with an owner that is no superuser, and a role for the service. */
const setupRoles = async (t: ExecutionContext) => {
  const { url, query } = await setupDatabase(t, { migrated: false });
  const create = async (kind: string) => {
    const name = `${kind}_${randomBytes(6).toString('hex')}`;
    const password = randomBytes(12).toString('hex');
    await query(`create role ${name} login password '${password}'`);
    const own = new URL(url);
    own.username = name;
    own.password = password;
    t.teardown(async () => {
      await query(`drop owned by ${name} cascade`);
      await query(`drop role ${name}`);
    });
    return { name, url: own.href };
  };
  const owner = await create('owner');
  const service = await create('service');
  await query(`alter database ${new URL(url).pathname.slice(1)} owner to ${owner.name}`);
  t.teardown(() => query(`alter database ${new URL(url).pathname.slice(1)} owner to current_user`));
  return { owner, service, query };
};

const setupRole = async (t: ExecutionContext) => {
  const { owner, service, query } = await setupRoles(t);
  const ran = await migrate(owner.url, '--service-role', service.name);
  t.is(ran.code, 0, ran.stderr);
  return { url: service.url, query };
};

const runAs = async (url: string, statement: string): Promise<unknown[]> => {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
};

test('the service runs with a role that can neither change recorded events nor disable the triggers', async (t) => {
  const { url, query } = await setupRole(t);
  const service = await serve(t, { DATABASE_URL: url, DATABASE_MIGRATE: 'false' });
  await service.logged(({ message }) => message === 'started');
  const token = await takeToken(service);
  t.is((await refresh(service, token, 'tech5')).body['status'], 'succeeded');
  const listed = await call(`${service.url}/api/v1/audit/events?stream=refresh:tech5`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  t.true((listed.body['data'] as unknown[]).length >= 6);
  t.is(await service.stop(), 0);

  const client = new Client({ connectionString: url });
  await client.connect();
  for (const statement of [
    'alter table audit_event disable trigger all',
    'drop trigger audit_event_refuse on audit_event',
    'set session_replication_role = replica',
    `update audit_event set target = 'x'`,
    'delete from audit_event',
    'truncate audit_event',
    'delete from audit_stream',
    'drop table audit_event',
    'create table elsewhere (id int)',
    `insert into schema_migrations (name) values ('x')`,
  ]) {
    await t.throwsAsync(client.query(statement), { code: '42501' }, statement);
  }
  await client.end();
  t.is((await query('select 1 from audit_event limit 1')).length, 1);
});

test('the service gives free ids at their end with the role that owns no table, and its start names rights that this role lacks', async (t) => {
  const { url, query } = await setupRole(t);
  const sequences = ['asset_id_seq', 'market_index_id_seq'];
  await query(
    `insert into asset (id, symbol, name, exchange, currency) select id, 'OLD' || id, 'old', 'X', 'USD' from generate_series(1, 8) as id`,
  );
  for (const sequence of sequences) await query(`select setval('${sequence}', 2147483646)`);
  const env = { DATABASE_URL: url, DATABASE_MIGRATE: 'false' };
  const service = await serve(t, env);
  await service.logged(({ message }) => message === 'started');
  const token = await takeToken(service);
  t.is((await refresh(service, token, 'tech5')).body['status'], 'succeeded');
  t.is(await dependencyStatus(service, 'postgres'), 'up');
  t.is(await service.stop(), 0);

  // As the file of an earlier version left them.
  const role = new URL(url).username;
  for (const sequence of sequences) await query(`revoke select, update on sequence ${sequence} from ${role}`);
  const later = await serve(t, env);
  const { missing } = await later.logged(({ message }) => message === 'the database schema is behind this version');
  t.deepEqual(
    missing,
    sequences.map((name) => `grant select, update on sequence ${name} (deploy/postgres/service-role.sql)`),
  );
  await later.logged(({ message }) => message === 'started');
  t.is(await dependencyStatus(later, 'postgres'), 'degraded');
  t.is(await later.stop(), 0);
});

test('an upgrade with a new table gives the role of the service its rights on it', async (t) => {
  const { owner, service } = await setupRoles(t);
  t.is((await migrate(owner.url, '--service-role', service.name)).code, 0);
  await runAs(owner.url, 'create table of_tomorrow (id bigint generated always as identity, name text)');
  const insert = `insert into of_tomorrow (name) values ('x') returning id`;
  await t.throwsAsync(runAs(service.url, insert), { code: '42501' });
  const ran = await migrate(owner.url, '--service-role', service.name);
  t.is(ran.code, 0, ran.stderr);
  t.regex(ran.stdout, /Nothing to migrate[^]*has its rights on the tables/);
  t.deepEqual(await runAs(service.url, insert), [{ id: '1' }]);
  await t.throwsAsync(runAs(service.url, 'delete from audit_event'), { code: '42501' });
});

test('two migrations at the same time grant the same rights', async (t) => {
  const { owner, service } = await setupRoles(t);
  const ran = await Promise.all([1, 2].map(() => migrate(owner.url, '--service-role', service.name)));
  t.deepEqual(
    ran.map(({ code }) => code),
    [0, 0],
    ran.map(({ stderr }) => stderr).join(),
  );
});

test('a role that does not exist or has the rights of the owner stops the migration with the reason', async (t) => {
  const { owner, service, query } = await setupRoles(t);
  const missing = await migrate(owner.url, '--service-role', `it's "missing"`);
  t.is(missing.code, 1);
  t.regex(missing.stderr, /The role "it's "missing"" does not exist/);
  const itself = await migrate(owner.url, '--service-role', owner.name);
  t.is(itself.code, 1);
  t.regex(itself.stderr, /has the rights of the owner/);
  await query(`grant ${owner.name} to ${service.name}`);
  const member = await migrate(owner.url, '--service-role', service.name);
  t.is(member.code, 1);
  t.regex(member.stderr, /has the rights of the owner/);
  // The owner has lost no right.
  t.is((await migrate(owner.url)).code, 0);
  t.deepEqual(await runAs(owner.url, 'delete from schema_migrations where false'), []);
});

test('a command line that is not understood is refused before the database is used', async (t) => {
  const unused = 'postgres://nobody@127.0.0.1:1/none';
  for (const words of [['--service-role', ''], ['--role', 'x'], ['twice']]) {
    const { code, stderr } = await migrate(unused, ...words);
    t.is(code, 64, stderr);
    t.regex(stderr, /usage: npm run db:migrate/);
  }
});
