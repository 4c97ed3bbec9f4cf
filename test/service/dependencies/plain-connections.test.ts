import test from 'ava';
import { startService } from '#testkit/service.ts';
import { serve, settings } from '#testkit/running-service.ts';

const elsewhere = {
  NODE_ENV: 'production',
  FAULT_INJECTION: undefined,
  DATABASE_URL: 'postgres://volwatch:canary@db.invalid/volwatch',
  DATABASE_REPLICA_URLS: 'postgres://volwatch:canary@replica.invalid/volwatch',
  REDIS_URL: 'redis://cache.invalid',
};

test('production does not start with plain connections to other machines, and names the variables', async (t) => {
  const start = startService({ environment: { ...settings, ...elsewhere } });
  const { message } = await t.throwsAsync(start);
  t.regex(message, /ended first \(78\)/);
  for (const name of ['DATABASE_URL', 'DATABASE_REPLICA_URLS (entry 1)', 'REDIS_URL']) {
    t.true(message.includes(`${name} leads to another machine without encryption`), name);
  }
  t.false(message.includes('canary'));
});

test('plain connections that a setting allows are warned of at each start', async (t) => {
  const service = await serve(t, { ...elsewhere, DATABASE_SSL: 'disable', REDIS_ALLOW_PLAIN: 'true' });
  const warnings = service.log.filter(({ message }) => message === 'A connection to another machine is not encrypted');
  t.deepEqual(
    warnings.map(({ level, variable }) => [level, variable]),
    [
      ['warn', 'DATABASE_URL'],
      ['warn', 'DATABASE_REPLICA_URLS (entry 1)'],
      ['warn', 'REDIS_URL'],
    ],
  );
});
