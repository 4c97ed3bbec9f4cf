import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { Client } from 'pg';
import { call, refresh, serve, takeToken } from '#testkit/running-service.ts';
import { setupDatabase } from '#testkit/database.ts';

/** The SQL that psql runs for the file: with the variable replaced and the generated statement inserted. */
const grantsFor = (role: string, database: string): string =>
  readFileSync('deploy/postgres/service-role.sql', 'utf8')
    .replaceAll(':"role"', `"${role}"`)
    .replace(/^select format.*\\gexec$/m, `grant create on database "${database}" to "${role}";`);

const setupRole = async (t: ExecutionContext) => {
  const { url, query } = await setupDatabase(t);
  const role = `service_${randomBytes(6).toString('hex')}`;
  const password = randomBytes(12).toString('hex');
  const database = new URL(url).pathname.slice(1);
  await query(`create role ${role} login password '${password}'`);
  await query(grantsFor(role, database));
  const own = new URL(url);
  own.username = role;
  own.password = password;
  t.teardown(async () => {
    await query(`drop owned by ${role} cascade`);
    await query(`drop role ${role}`);
  });
  return { url: own.href, query };
};

test('the service runs with a role that can neither change recorded events nor disable the triggers', async (t) => {
  const { url, query } = await setupRole(t);
  const service = await serve(t, { DATABASE_URL: url });
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
