import { userInfo } from 'node:os';
import test from 'ava';
import { isLocalHost } from '#src/kernel/connections/local-host.ts';
import { parsePostgresUrl } from '#src/kernel/connections/postgres-url.ts';
import { faultsOf } from './faults-of.ts';

const canary = 'hunter2-canary';
const account = userInfo().username;

for (const [url, expected] of [
  ['postgres://u:p@h/d', { host: 'h', port: 5432, user: 'u', password: 'p', database: 'd' }],
  ['postgresql://u@h:6432/d', { host: 'h', port: 6432, user: 'u', password: undefined, database: 'd' }],
  ['postgres://u:p@[2001:db8::1]:6432/d', { host: '2001:db8::1', port: 6432 }],
  ['postgres://us%40er:p%2Fw%3A%25@h/market%20data', { user: 'us@er', password: 'p/w:%', database: 'market data' }],
  ['postgres://u:p@ss@h/d', { password: 'p@ss', host: 'h' }],
  ['postgres://u:a+b@h/d+e', { password: 'a+b', database: 'd+e' }],
  ['postgres://u:p@/d?host=/var/run/postgresql', { host: '/var/run/postgresql', database: 'd', port: 5432 }],
  ['postgres://u:p@/d?host=/socket&port=6000', { host: '/socket', port: 6000 }],
  ['postgres:///d?host=/socket&user=u', { host: '/socket', user: 'u', database: 'd' }],
  ['postgres://u@%2Fvar%2Frun%2Fpostgresql/d', { host: '/var/run/postgresql', database: 'd' }],
  ['postgres://u:p@h', { database: 'u' }],
  ['postgres://u:p@h/', { database: 'u' }],
  ['postgres://u:p@h?sslmode=disable', { database: 'u', host: 'h' }],
  ['postgres://h/d', { user: account, database: 'd' }],
  ['postgres://h', { user: account, database: account }],
  [
    'postgres://u@h/d?dbname=other&password=x&application_name=a',
    { database: 'other', password: 'x', applicationName: 'a' },
  ],
  ['postgres://u@h/d?options=-c%20work_mem%3D64MB', { options: '-c work_mem=64MB' }],
  ['postgres://u@h/d?connect_timeout=5&keepalives=1&target_session_attrs=read-write', { database: 'd' }],
] as const) {
  test(`a connection string that works: ${url}`, (t) => {
    t.like(parsePostgresUrl(url), expected);
    t.deepEqual(faultsOf({ DATABASE_URL: url }), []);
  });
}

for (const [url, reason] of [
  ['mysql://u@h/d', 'must be a URL starting with postgres://'],
  ['postgres:u@h/d', 'must be a URL starting with postgres://'],
  ['postgres://u:p@/d', 'has no host'],
  ['postgres:///', 'has no host'],
  ['postgres://u@h1,h2/d', 'names several hosts'],
  ['postgres://u@h1:5432,h2:5433/d', 'names several hosts'],
  ['postgres://u@/d?host=h1,h2', 'names several hosts'],
  ['postgres://u@h:0/d', 'port from 1 to 65535'],
  ['postgres://u@h:65536/d', 'port from 1 to 65535'],
  ['postgres://u@h:db/d', 'port from 1 to 65535'],
  ['postgres://u@2001:db8::1/d', 'port from 1 to 65535'],
  ['postgres://u:100%@h/d', 'has a % in its password'],
  ['postgres://u@h/d%zz', 'has a % in its database name'],
  ['postgres://u@h/d%00', 'has a % in its database name'],
  ['postgres://u@h/d?sslmode', 'parameter without ='],
  ['postgres://u@h/d?port=1&port=2', 'port more than once'],
  ['postgres://u@h/d?pgbouncer=true', 'unknown parameter "pgbouncer"'],
  ['postgres://u@h/d?schema=app', 'unknown parameter "schema"'],
  ['postgres://u@h/d?hostaddr=10.0.0.1', 'unknown parameter "hostaddr"'],
  ['postgres://u@h/d?statement_timeout=1000', 'use DATABASE_STATEMENT_TIMEOUT_MS'],
  ['postgres://u@h/d?search_path=app', 'use DATABASE_SCHEMA'],
  [
    'postgres://u@h/d?options=-c%20statement_timeout%3D1000',
    'sets statement_timeout in its options: use DATABASE_STATEMENT_TIMEOUT_MS',
  ],
  ['postgres://u@h/d?options=-csearch_path%3Dapp', 'sets search_path in its options: use DATABASE_SCHEMA'],
  ['postgres://u@h/d?options=--DateStyle%3DGerman', 'sets datestyle in its options'],
  ['postgres://u@h/d?options=-c%20work_mem%3D1MB%20-c%20TimeZone%3DCET', 'sets timezone in its options'],
  ['postgres://u@h/d?client_encoding=LATIN1', 'value of client_encoding'],
  ['postgres://u@h/d?target_session_attrs=standby', 'value of target_session_attrs'],
  ['postgres://u@h/d?channel_binding=require', 'value of channel_binding'],
  ['postgres://u@h/d?gssencmode=require', 'value of gssencmode'],
  ['postgres://u@h/d?sslmode=prefer', 'sslmode=prefer, which does not protect'],
  ['postgres://u@h/d?sslmode=allow', 'sslmode=allow, which does not protect'],
  ['postgres://u@h/d?sslmode=no-verify', 'unknown sslmode'],
  ['postgres://u@h/d?ssl=1', 'value of ssl'],
  ['postgres://u@h/d?sslrootcert=/ca.pem', 'has sslrootcert without sslmode'],
  ['postgres://u@h/d?sslmode=require&sslrootcert=system', 'must have sslmode=verify-full'],
  ['postgres://u@h/d?sslmode=require&sslcert=/c.pem', 'both of sslcert and sslkey'],
  ['postgres://u@h/d?sslmode=require&ssl_min_protocol_version=SSLv3', 'value of ssl_min_protocol_version'],
  ['postgres://u@h/d?sslmode=require&sslnegotiation=tls', 'value of sslnegotiation'],
  ['postgres://u@h/d?sslmode=verify-full&sslrootcert=/not/there.pem', 'cannot be read (ENOENT): /not/there.pem'],
  [
    'postgres://u@h/d?sslmode=verify-full&sslrootcert=package.json',
    'contains no certificate in PEM form: package.json',
  ],
] as const) {
  test(`a connection string that is refused: ${url}`, (t) => {
    const secret = url.replace('://u@', `://u:${canary}@`);
    for (const [name, fault] of [
      ['DATABASE_URL', faultsOf({ DATABASE_URL: secret })],
      [
        'DATABASE_REPLICA_URLS',
        secret.includes(',') ? undefined : faultsOf({ DATABASE_REPLICA_URLS: `postgres://a@b/c,${secret}` }),
      ],
    ] as const) {
      if (fault === undefined) continue;
      t.is(fault.length, 1, name);
      t.true(fault[0]!.startsWith(`${name} `));
      t.true(fault[0]!.includes(reason), fault[0]);
      t.is(fault[0]!.includes('(entry 2)'), name === 'DATABASE_REPLICA_URLS');
      t.false(fault[0]!.includes(canary), 'no secret');
    }
  });
}

test('DATABASE_SSL and sslmode that contradict each other are refused, for the primary and for replicas', (t) => {
  for (const [mode, ssl] of [
    ['verify-full', 'disable'],
    ['disable', 'verify-full'],
    ['require', 'verify-full'],
    ['verify-ca', 'require'],
  ] as const) {
    const url = `postgres://u@h/d?sslmode=${mode}`;
    const [fault] = faultsOf({ DATABASE_URL: url, DATABASE_SSL: ssl });
    t.true(fault?.startsWith(`DATABASE_URL asks for sslmode ${mode}, which contradicts DATABASE_SSL=${ssl}`), fault);
    const [replica] = faultsOf({ DATABASE_REPLICA_URLS: url, DATABASE_SSL: ssl });
    t.true(replica?.startsWith('DATABASE_REPLICA_URLS (entry 1) asks for'), replica);
    t.deepEqual(faultsOf({ DATABASE_URL: url, DATABASE_SSL: mode }), []);
  }
});

const production = (environment: Record<string, string>): readonly string[] =>
  faultsOf({
    NODE_ENV: 'production',
    DATABASE_URL: 'postgres://u@127.0.0.1/d',
    REDIS_URL: 'redis://localhost',
    JWT_PRIVATE_KEY: '-----BEGIN PRIVATE KEY-----',
    ...environment,
  });

test('production refuses connections to other machines without encryption, unless a setting allows them', (t) => {
  const plain = 'postgres://u@db.example/d';
  t.regex(
    production({ DATABASE_URL: plain })[0]!,
    /^DATABASE_URL leads to another machine without encryption: set DATABASE_SSL/,
  );
  t.regex(
    production({ DATABASE_REPLICA_URLS: plain })[0]!,
    /^DATABASE_REPLICA_URLS \(entry 1\) leads to another machine/,
  );
  t.regex(
    production({ REDIS_URL: 'redis://cache:6379' })[0]!,
    /^REDIS_URL leads to another machine .* REDIS_ALLOW_PLAIN/,
  );
  t.regex(production({ REDIS_URL: '', REDIS_URLS: 'redis://a.example' })[0]!, /^REDIS_URLS leads to another machine/);
  t.regex(
    production({ REDIS_SENTINEL_URLS: 'redis://s.example' })[0]!,
    /^REDIS_SENTINEL_URLS leads to another machine/,
  );
  for (const environment of [
    { DATABASE_URL: plain, DATABASE_SSL: 'disable' },
    { DATABASE_URL: plain, DATABASE_SSL: 'require' },
    { DATABASE_URL: `${plain}?sslmode=disable` },
    { DATABASE_URL: `${plain}?sslmode=verify-full` },
    { DATABASE_URL: 'postgres://u@/d?host=/run' },
    { DATABASE_URL: 'postgres://u@[::1]/d' },
    { REDIS_URL: 'rediss://cache:6379' },
    { REDIS_URL: 'redis://cache:6379', REDIS_ALLOW_PLAIN: 'true' },
    { REDIS_URL: 'redis://[::1]:6379' },
    { REDIS_URL: '', REDIS_URLS: 'rediss://a.example,rediss://b.example' },
    { REDIS_URL: 'rediss://unused', REDIS_SENTINEL_URLS: 'rediss://s.example' },
  ]) {
    t.deepEqual(production(environment), [], JSON.stringify(environment));
  }
  t.deepEqual(faultsOf({ DATABASE_URL: plain, REDIS_URL: 'redis://cache' }), [], 'only in production');
});

test('loopback and sockets are local, everything else is not', (t) => {
  for (const host of [
    'localhost',
    'LOCALHOST',
    'db.localhost',
    '127.0.0.1',
    '127.9.9.9',
    '::1',
    '[::1]',
    '::ffff:127.0.0.1',
    '/run',
  ]) {
    t.true(isLocalHost(host), host);
  }
  for (const host of [
    'localhost.example',
    '128.0.0.1',
    '127.example',
    '::2',
    '0.0.0.0',
    '10.0.0.1',
    'db',
    'run/x',
    '',
  ]) {
    t.false(isLocalHost(host), host);
  }
});
