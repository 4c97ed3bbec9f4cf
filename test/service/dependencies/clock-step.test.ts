import test, { type ExecutionContext } from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, serve } from '#testkit/running-service.ts';
import { startRedisServer } from '#testkit/servers/redis-server.ts';
import type { Service } from '#testkit/service.ts';

const windowSeconds = 60;
const hourMs = 3_600_000;

/** Sets the clock of the process back by an hour at SIGUSR2, as a time server can. */
const steppingClock = `data:text/javascript,${encodeURIComponent(`
  const now = Date.now;
  let offset = 0;
  Date.now = () => now() - offset;
  process.on('SIGUSR2', () => { offset = ${hourMs}; console.error('the clock was set back'); });
`)}`;

const limitedAfterStep = async (t: ExecutionContext, environment: Record<string, string>): Promise<void> => {
  const { url } = await setupDatabase(t);
  const service = await serve(
    t,
    { DATABASE_URL: url, RATE_LIMIT_ENABLED: 'true', RATE_LIMIT_IP_PER_MINUTE: '3', ...environment },
    { nodeArguments: ['--import', steppingClock], startTimeoutMs: 90_000 },
  );
  await service.ready();
  const ask = (one: Service) => call(`${one.url}/api/v1/pricing/models`);
  for (let request = 0; request < 4; request += 1) await ask(service);
  t.is((await ask(service)).status, 429);

  service.process.kill('SIGUSR2');
  await eventually(() => service.stderr().includes('the clock was set back'), 'the clock is set back');
  for (let request = 0; request < 3; request += 1) {
    const refused = await ask(service);
    t.is(refused.status, 429);
    const retryAfter = Number(refused.headers.get('retry-after'));
    t.true(retryAfter >= 1 && retryAfter <= windowSeconds, `Retry-After: ${retryAfter}`);
    const reset = Number(/;t=(\d+)/.exec(refused.headers.get('ratelimit') ?? '')?.[1]);
    t.true(reset <= windowSeconds, `RateLimit: t=${reset}`);
  }
};

test.serial(
  'a clock that is set back does not make Retry-After longer than the window, with limits in memory',
  async (t) => {
    await limitedAfterStep(t, {});
  },
);

test.serial(
  'a clock that is set back does not make Retry-After longer than the window, with limits in Redis',
  async (t) => {
    const redis = await startRedisServer(t);
    await limitedAfterStep(t, { REDIS_URL: redis.url });
  },
);
