import test from 'ava';
import { loadConfig, readTelemetrySettings } from '#src/config/config.ts';
import { faultsOf } from './faults-of.ts';

test('an empty environment gives the documented defaults, frozen', (t) => {
  const config = loadConfig({});
  t.is(config.PORT, 3000);
  t.is(config.METRICS_HOST, '127.0.0.1');
  t.is(config.DATABASE_ACQUIRE_TIMEOUT_MS, 1000);
  t.deepEqual(config.TRUSTED_PROXIES, []);
  t.is(config.DATABASE_URL, undefined);
  t.true(Object.isFrozen(config));
});

test('an empty value counts as unset', (t) => {
  t.is(loadConfig({ PORT: '', DATABASE_URL: '' }).PORT, 3000);
});

test('all faults are reported at once, with names and without values', (t) => {
  const faults = faultsOf({
    PORT: 'ninety',
    DATABASE_SSL: 'maybe',
    DATABASE_URL: 'mysql://root:hunter2@db/x',
    LOG_LEVEL: 'loud',
  });
  t.deepEqual(
    faults.map((fault) => fault.split(' ')[0]),
    ['PORT', 'LOG_LEVEL', 'DATABASE_URL', 'DATABASE_SSL'],
  );
  t.false(faults.join(' ').includes('hunter2'));
});

for (const [name, value] of [
  ['ROLES', '{}'],
  ['ROLES', '[]'],
  ['ROLES', '{"user":["root"]}'],
  ['ROLES', '{"user":"ml:read"}'],
  ['ROLES', '{"Big Boss":[]}'],
  ['PORT', '65536'],
  ['PORT', '-1'],
  ['PORT', '1e3'],
  ['PORT', '03000'],
  ['TRUSTED_PROXIES', ' , '],
  ['DATABASE_POOL_MAX', '0'],
  ['BODY_LIMIT_BYTES', '1.5'],
  ['TELEMETRY_ENABLED', 'yes'],
  ['OTEL_CONFIG_FILE', 'otel.yaml'],
  ['ACCESS_TOKEN_EXPIRE_MINUTES', '0'],
  ['TRUSTED_PROXIES', 'proxy.internal'],
  ['TRUSTED_PROXIES', '10.0.0.0/33'],
  ['TRUSTED_PROXIES', '0.0.0.0/0'],
  ['TRUSTED_PROXIES', '10.0.0.1,::/0'],
  ['TRUSTED_PROXIES', '128.0.0.0/1'],
  ['TRUSTED_PROXIES', '10.0.0.1,10.0.0.0/'],
  ['REDIS_URL', 'http://cache.example'],
  ['REDIS_URL', 'redis://'],
  ['REDIS_URL', 'redis://cache.example/first'],
  ['REDIS_URL', 'redis://cache.example/0/1'],
  ['REDIS_URL', 'rediss://cache.example?ssl_cert_reqs=none'],
  ['REDIS_URL', 'redis://cache.example?tls=true'],
  ['REDIS_URL', 'redis://cache.example#x'],
  ['REDIS_URL', 'redis://user:50%25%@cache.example'],
  ['REDIS_URLS', ','],
  ['REDIS_URLS', 'redis://a.example,b.example'],
  ['REDIS_URLS', 'redis://a.example,rediss://b.example'],
  ['REDIS_URLS', 'redis://u:one@a.example,redis://u:two@b.example'],
  ['REDIS_URLS', 'redis://a.example/1'],
  ['REDIS_SENTINEL_URLS', 'redis://a.example/1'],
  ['REDIS_SENTINEL_GROUP', 'my master'],
  ['CORS_ORIGINS', 'null'],
  ['CORS_ORIGINS', 'https://app.example,null'],
  ['CORS_ORIGINS', '*,https://app.example'],
  ['CORS_ORIGINS', 'https://*.example'],
  ['CORS_ORIGINS', 'https://app.example/'],
  ['CORS_ORIGINS', 'https://app.example/path'],
  ['CORS_ORIGINS', 'https://user:secret@app.example'],
  ['CORS_ORIGINS', 'https://app.example:443'],
  ['CORS_ORIGINS', 'https://APP.example'],
  ['CORS_ORIGINS', 'app.example'],
  ['CORS_ORIGINS', 'file://'],
  ['CORS_ORIGINS', 'chrome-extension://abcdef'],
  ['CORS_ORIGINS', 'blob:https://app.example/1'],
  ['CORS_ORIGINS', 'https://app.example evil.example'],
] as const) {
  test(`${name}=${value} is refused`, (t) => {
    const faults = faultsOf({ [name]: value });
    t.is(faults.length, 1);
    t.true(faults[0]!.startsWith(`${name} `));
  });
}

test('CORS_ORIGINS takes origins with and without a port, and * outside production', (t) => {
  const listed = ['https://app.example', 'http://localhost:5173', 'http://[::1]:8080'];
  t.deepEqual(loadConfig({ CORS_ORIGINS: listed.join(', ') }).CORS_ORIGINS, listed);
  t.deepEqual(loadConfig({ CORS_ORIGINS: '*' }).CORS_ORIGINS, ['*']);
  const given = {
    DATABASE_URL: 'postgres://localhost/x',
    REDIS_URL: 'rediss://cache',
    JWT_PRIVATE_KEY: '-----BEGIN PRIVATE KEY-----',
  };
  t.deepEqual(faultsOf({ NODE_ENV: 'production', ...given, CORS_ORIGINS: '*' }), [
    'CORS_ORIGINS must list origins, not *, in production',
  ]);
});

test('a calendar needs both variables of its client, and in production the key of its tokens', (t) => {
  const key = Buffer.alloc(32, 1).toString('base64');
  const client = { GOOGLE_CLIENT_ID: 'id', GOOGLE_CLIENT_SECRET: 'canary' };
  t.deepEqual(faultsOf({ GOOGLE_CLIENT_ID: 'id' }), [
    'GOOGLE_CLIENT_SECRET is required, because GOOGLE_CLIENT_ID is set',
  ]);
  t.deepEqual(faultsOf({ GOOGLE_CLIENT_SECRET: 'canary' }), [
    'GOOGLE_CLIENT_ID is required, because GOOGLE_CLIENT_SECRET is set',
  ]);
  t.deepEqual(faultsOf(client), []);
  t.true(
    faultsOf({ NODE_ENV: 'production', ...client }).includes(
      'TOKEN_ENCRYPTION_KEY is required in production with GOOGLE_CLIENT_ID',
    ),
  );
  t.false(
    faultsOf({ NODE_ENV: 'production', ...client, TOKEN_ENCRYPTION_KEY: key }).some((fault) =>
      fault.includes('TOKEN_'),
    ),
  );
  const wrong = 'TOKEN_ENCRYPTION_KEY must be 32 bytes in base64; several keys are comma-separated';
  for (const value of ['canary', `${key},canary`, Buffer.alloc(16).toString('base64')]) {
    t.deepEqual(faultsOf({ TOKEN_ENCRYPTION_KEY: value }), [wrong], value);
  }
  t.deepEqual(faultsOf({ TOKEN_ENCRYPTION_KEY: ',' }), ['TOKEN_ENCRYPTION_KEY must have an entry between its commas']);
  t.is(loadConfig({ TOKEN_ENCRYPTION_KEY: `${key}, ${key}` }).TOKEN_ENCRYPTION_KEY?.length, 2);
});

test('production names each missing variable and refuses fault injection', (t) => {
  t.deepEqual(faultsOf({ NODE_ENV: 'production', FAULT_INJECTION: 'true' }), [
    'DATABASE_URL is required in production',
    'JWT_PRIVATE_KEY is required in production',
    'REDIS_URL is required in production (for a cluster REDIS_URLS, with Sentinel REDIS_SENTINEL_URLS)',
    'FAULT_INJECTION is refused in production',
  ]);
});

test('a faulty variable is not reported as missing', (t) => {
  const given = {
    DATABASE_URL: 'mysql://db/x',
    REDIS_URL: 'rediss://cache',
    JWT_PRIVATE_KEY: '-----BEGIN PRIVATE KEY-----',
  };
  t.deepEqual(faultsOf({ NODE_ENV: 'production', ...given }), [
    'DATABASE_URL must be a URL starting with postgres:// or postgresql://',
  ]);
});

test('a session cookie for other sites needs their origins', (t) => {
  const none = { SESSION_COOKIE_SAMESITE: 'none' };
  t.regex(faultsOf(none).join(), /CORS_ORIGINS must list the origins/);
  t.regex(faultsOf({ ...none, CORS_ORIGINS: '*' }).join(), /CORS_ORIGINS must list the origins/);
  t.is(loadConfig({ ...none, CORS_ORIGINS: 'https://app.example' }).SESSION_COOKIE_SAMESITE, 'none');
  t.is(loadConfig({}).SESSION_COOKIE_SAMESITE, 'strict');
});

test('an incomplete bootstrap client is refused with the name of the missing variable', (t) => {
  t.true(faultsOf({ BOOTSTRAP_CLIENT_ID: 'ops' })[0]!.startsWith('BOOTSTRAP_CLIENT_SECRET '));
  t.true(faultsOf({ BOOTSTRAP_CLIENT_SECRET: 'long enough' })[0]!.startsWith('BOOTSTRAP_CLIENT_ID '));
});

test('with a faulty configuration there are no telemetry settings', (t) => {
  t.is(readTelemetrySettings({ PORT: 'x' }), undefined);
  t.is(readTelemetrySettings({})?.enabled, true);
});

test('a provider without its key is refused with the name of the variable', (t) => {
  t.deepEqual(faultsOf({ MARKET_DATA_PROVIDER: 'twelve_data' }), [
    'TWELVE_DATA_API_KEY is required with MARKET_DATA_PROVIDER=twelve_data',
  ]);
  t.deepEqual(faultsOf({ MARKET_DATA_PROVIDER: 'twelve_data', TWELVE_DATA_API_KEY: 'k' }), []);
  t.deepEqual(faultsOf({ MARKET_DATA_PROVIDER: 'tiingo', TWELVE_DATA_API_KEY: 'k' }), [
    'TIINGO_API_KEY is required with MARKET_DATA_PROVIDER=tiingo',
  ]);
  t.deepEqual(faultsOf({ MARKET_DATA_PROVIDER: 'tiingo', TIINGO_API_KEY: 'k' }), []);
  t.deepEqual(faultsOf({ TWELVE_DATA_API_KEY: 'k', TIINGO_API_KEY: 'k' }), []);
});

test('Redis is one server, a cluster, or servers behind Sentinel; a cluster is not combined with the others', (t) => {
  const urls = 'redis://u:p@a.example:7000, redis://u:p@b.example';
  t.deepEqual(loadConfig({ REDIS_URLS: urls }).REDIS_URLS, ['redis://u:p@a.example:7000', 'redis://u:p@b.example']);
  const sentinel = { REDIS_SENTINEL_URLS: 'redis://s.example:26379', REDIS_URL: 'rediss://u:p@ignored/2' };
  t.is(loadConfig(sentinel).REDIS_SENTINEL_GROUP, 'mymaster');
  t.deepEqual(faultsOf({ REDIS_URLS: urls, ...sentinel }), [
    'REDIS_URLS is for a cluster, so REDIS_URL must not be set too',
    'REDIS_URLS is for a cluster, so REDIS_SENTINEL_URLS must not be set too',
  ]);
  const production = {
    NODE_ENV: 'production',
    DATABASE_URL: 'postgres://localhost/x',
    JWT_PRIVATE_KEY: '-----BEGIN PRIVATE KEY-----',
    REDIS_ALLOW_PLAIN: 'true',
  };
  t.deepEqual(faultsOf({ ...production, REDIS_URLS: urls }), []);
  t.deepEqual(faultsOf({ ...production, REDIS_SENTINEL_URLS: 'redis://s.example' }), []);
  t.is(faultsOf({ ...production, REDIS_URLS: '' }).length, 1);
});
