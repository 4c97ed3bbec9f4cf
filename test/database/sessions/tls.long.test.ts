import { readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { createDatabase, type Database, type DatabaseDeps } from '#src/database/database.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import { createAuthority, type Authority } from '#testkit/servers/tls/certificates.ts';
import { databaseSettings } from '#testkit/database.ts';
import { serve } from '#testkit/running-service.ts';
import { startOwnPostgres, type OwnPostgres } from '#testkit/servers/own-postgres.ts';
import { statementOn } from '#testkit/servers/replica.ts';

type Encrypted = OwnPostgres & {
  readonly authority: Authority;
  readonly address: (host: string, parameters?: string) => string;
};

/** A server whose certificate is for the name localhost, not for 127.0.0.1. It also accepts plain connections. */
const setup = async (t: ExecutionContext, access = ['host all all 127.0.0.1/32 trust']): Promise<Encrypted> => {
  const authority = createAuthority(t);
  const { certificateFile, keyFile } = authority.issue('server', 'DNS:localhost');
  const server = await startOwnPostgres(t, {
    settings: { ssl: 'on', ssl_cert_file: 'server.crt', ssl_key_file: 'server.key', ssl_ca_file: 'clients.crt' },
    files: {
      'server.crt': readFileSync(certificateFile, 'utf8'),
      'server.key': readFileSync(keyFile, 'utf8'),
      'clients.crt': readFileSync(authority.file, 'utf8'),
    },
    access: ['local all all trust', ...access],
  });
  const address = (host: string, parameters = ''): string =>
    `postgres://volwatch@${host}:${server.port}/postgres${parameters === '' ? '' : `?${parameters}`}`;
  return { ...server, authority, address };
};

const open = async (t: ExecutionContext, url: string, overrides: Partial<DatabaseDeps> = {}): Promise<Database> => {
  const database = await createDatabase({ ...databaseSettings(url), ...overrides });
  t.teardown(() => database.close());
  return database;
};

/** The version of TLS, `plain`, or the code of the error. */
const connection = async (t: ExecutionContext, url: string, ssl?: DatabaseDeps['ssl']): Promise<string> => {
  const database = await open(t, url, { ssl });
  try {
    const [row] = await database.reader.query<{ ssl: boolean; version: string | null }>(
      'select ssl, version from pg_stat_ssl where pid = pg_backend_pid()',
    );
    return row?.ssl === true ? String(row.version) : 'plain';
  } catch (error) {
    return codeOf(error);
  }
};

test('sslmode in the URL does what libpq does', async (t) => {
  const { authority, address } = await setup(t);
  const other = createAuthority(t, 'Another authority');
  const own = `sslrootcert=${encodeURIComponent(authority.file)}`;
  const foreign = `sslrootcert=${encodeURIComponent(other.file)}`;
  for (const [host, parameters, expected] of [
    ['localhost', '', 'plain'],
    ['localhost', 'sslmode=disable', 'plain'],
    ['localhost', 'sslmode=require', 'TLSv1.3'],
    ['localhost', 'ssl=true', 'TLSv1.3'],
    ['127.0.0.1', 'sslmode=require', 'TLSv1.3'],
    ['localhost', `sslmode=require&${foreign}`, 'database_unavailable'],
    ['127.0.0.1', `sslmode=require&${own}`, 'TLSv1.3'],
    ['localhost', 'sslmode=verify-ca', 'database_unavailable'],
    ['localhost', `sslmode=verify-ca&${foreign}`, 'database_unavailable'],
    ['127.0.0.1', `sslmode=verify-ca&${own}`, 'TLSv1.3'],
    ['localhost', 'sslmode=verify-full', 'database_unavailable'],
    ['localhost', 'sslrootcert=system', 'database_unavailable'],
    ['localhost', `sslmode=verify-full&${foreign}`, 'database_unavailable'],
    ['localhost', `sslmode=verify-full&${own}`, 'TLSv1.3'],
    // The certificate is for another name.
    ['127.0.0.1', `sslmode=verify-full&${own}`, 'database_unavailable'],
    ['localhost', `sslmode=verify-full&${own}&sslnegotiation=direct`, 'TLSv1.3'],
    ['localhost', 'sslmode=require&ssl_max_protocol_version=TLSv1.2', 'TLSv1.2'],
  ] as const) {
    t.is(await connection(t, address(host, parameters)), expected, `${host} ${parameters}`);
  }
  for (const [ssl, expected] of [
    ['disable', 'plain'],
    ['require', 'TLSv1.3'],
    ['verify-full', 'database_unavailable'],
  ] as const) {
    t.is(await connection(t, address('localhost'), ssl), expected, `DATABASE_SSL=${ssl}`);
  }
});

test('each connection of the database room verifies the server: pool, health, migrations, server check, replicas', async (t) => {
  const { address, url } = await setup(t);
  const verified = address('localhost', 'sslmode=verify-full');
  const database = await open(t, verified);
  const ways: Record<string, () => Promise<unknown>> = {
    reader: () => database.reader.query('select 1'),
    migrations: () => database.migrator.up(),
    'server check': () => database.checkServer(),
    'schema comparison': () => database.drift(),
  };
  for (const [name, work] of Object.entries(ways)) {
    t.is(await work().then(() => 'none', codeOf), 'database_unavailable', name);
  }
  t.deepEqual(await database.healthCheck.check(AbortSignal.timeout(5_000)), {
    status: 'down',
    detail: 'database_unavailable',
  });
  t.deepEqual(await statementOn(url, `select to_regclass('schema_migrations') as migrated`), [{ migrated: null }]);

  const replicated = await open(t, url, { replicaUrls: [verified], replicaCheckMs: 50 });
  await t.notThrowsAsync(replicated.replicaReader.query('select 1'));
  t.like(await replicated.healthCheck.check(AbortSignal.timeout(5_000)), { status: 'degraded' });
});

test('a certificate of the client is presented', async (t) => {
  const { authority, address } = await setup(t, ['hostssl all all 127.0.0.1/32 cert']);
  const { certificateFile, keyFile } = authority.issue('volwatch');
  const verify = `sslmode=verify-full&sslrootcert=${encodeURIComponent(authority.file)}`;
  const own = `sslcert=${encodeURIComponent(certificateFile)}&sslkey=${encodeURIComponent(keyFile)}`;
  t.is(await connection(t, address('localhost', `${verify}&${own}`)), 'TLSv1.3');
  t.is(await connection(t, address('localhost', verify)), 'database_unavailable', 'without a certificate');
});

test('sockets: the forms of the URL work, and TLS is not used', async (t) => {
  const { port, socketDirectory } = await setup(t);
  const encoded = encodeURIComponent(socketDirectory);
  for (const url of [
    `postgres://volwatch@/postgres?host=${encoded}&port=${port}`,
    `postgres://volwatch@${encoded}:${port}/postgres`,
    `postgres:///postgres?host=${encoded}&port=${port}&user=volwatch`,
    `postgres:///postgres?host=${encoded}&port=${port}&user=volwatch&sslmode=verify-full`,
  ]) {
    t.is(await connection(t, url), 'plain', url);
  }
  const nothing = `postgres://volwatch@/postgres?host=${encoded}&port=${port + 1}`;
  t.is(await connection(t, nothing), 'database_unavailable', 'a missing socket is a server that is down');
});

test('a service with verify-full has only encrypted connections', async (t) => {
  const { authority, address } = await setup(t, ['hostssl all all 127.0.0.1/32 trust']);
  const verified = address('localhost', `sslmode=verify-full&sslrootcert=${encodeURIComponent(authority.file)}`);
  const service = await serve(t, { DATABASE_URL: verified, DATABASE_REPLICA_URLS: verified });
  await service.logged(({ message }) => message === 'started', 60_000);
  const database = await open(t, address('localhost', 'sslmode=require'), { applicationName: 'observer' });
  const seen = await database.reader.query<{ ssl: boolean }>(
    `select distinct ssl from pg_stat_ssl join pg_stat_activity using (pid) where backend_type = 'client backend'`,
  );
  t.deepEqual(seen, [{ ssl: true }]);
});
