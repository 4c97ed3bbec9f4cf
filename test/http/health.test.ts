import test, { type ExecutionContext } from 'ava';
import { createHealth } from '#src/http/health.ts';
import { dependencies, type HealthCheck, type HealthReading } from '#src/kernel/ports/health.ts';
import { recordingMetrics, serve } from './support.ts';

const setup = async (t: ExecutionContext) => {
  const { metrics, reported } = recordingMetrics();
  const state = { unready: false, milliseconds: 10_000, calls: 0 };
  const readings: Record<'postgres' | 'redis', () => Promise<HealthReading>> = {
    postgres: async () => ({ status: 'up' }),
    redis: async () => ({ status: 'up' }),
  };
  const check = (dependency: 'postgres' | 'redis', required: boolean): HealthCheck => ({
    dependency,
    required,
    check: async () => {
      state.calls += 1;
      return readings[dependency]();
    },
  });
  const health = createHealth({
    checks: [check('postgres', true), check('redis', false)],
    clock: { now: () => new Date(state.milliseconds), monotonic: () => state.milliseconds },
    metrics,
    version: '1.2.3',
    isUnready: () => state.unready,
  });
  const { call } = await serve(t, { routes: health.routes });
  const get = async (path: string) => {
    const response = await call(path);
    const body = (await response.json()) as {
      status: string;
      dependencies: Record<string, { status: string; since: string; detail?: string }>;
    };
    return { status: response.status, body };
  };
  const up = (dependency: string) =>
    reported.findLast((each) => each.name === 'volwatch_dependency_up' && each.labels['dependency'] === dependency)
      ?.value;
  return { get, state, readings, up, health };
};

test('every dependency is reported; those without a check are disabled', async (t) => {
  const { get, up } = await setup(t);
  const { status, body } = await get('/health');
  t.is(status, 200);
  t.is(body.status, 'ok');
  t.deepEqual(Object.keys(body.dependencies), [...dependencies]);
  t.is(body.dependencies['workers']?.status, 'disabled');
  t.is(up('postgres'), 1);
  t.is(up('workers'), undefined);
});

test('a required dependency down is unavailable, another one degraded, and since tells when', async (t) => {
  const { get, state, readings, up } = await setup(t);
  await get('/health');
  readings.redis = async () => {
    throw new Error('redis://user:secret@host');
  };
  state.milliseconds += 5000;
  const degraded = await get('/health');
  t.is(degraded.status, 200);
  t.is(degraded.body.status, 'degraded');
  t.is(degraded.body.dependencies['redis']?.since, new Date(15_000).toISOString());
  t.is(degraded.body.dependencies['postgres']?.since, new Date(10_000).toISOString());
  t.false(JSON.stringify(degraded.body).includes('secret'));
  t.is((await get('/health/ready')).status, 200);

  readings.postgres = async () => ({ status: 'down', detail: 'refused' });
  state.milliseconds += 5000;
  t.deepEqual(await get('/health/ready'), { status: 503, body: { status: 'unavailable' } } as never);
  t.is((await get('/health')).status, 503);
  t.is((await get('/health/live')).status, 200);
  t.is(up('postgres'), 0);
});

test('readings are shared for a second and between callers', async (t) => {
  const { get, state } = await setup(t);
  await Promise.all([get('/health'), get('/health'), get('/health/ready')]);
  t.is(state.calls, 2);
  state.milliseconds += 999;
  await get('/health');
  t.is(state.calls, 2);
  state.milliseconds += 1;
  await get('/health');
  t.is(state.calls, 4);
});

test('a check that hangs is down after a second', async (t) => {
  const { get, readings } = await setup(t);
  readings.postgres = async () => new Promise(() => {});
  const begun = performance.now();
  const { status, body } = await get('/health');
  t.true(performance.now() - begun < 5000);
  t.is(status, 503);
  t.is(body.dependencies['postgres']?.detail, 'no answer in time');
});

test('while the process starts or drains ready is 503 and live is 200', async (t) => {
  const { get, state } = await setup(t);
  state.unready = true;
  t.is((await get('/health/ready')).status, 503);
  t.is((await get('/health/live')).status, 200);
  state.unready = false;
  t.is((await get('/health/ready')).status, 200, 'at once, although the readings of the dependencies are cached');
});

test('serving is 200 from the first time that the instance is ready until it stops, whatever its dependencies do', async (t) => {
  const { get, state, readings } = await setup(t);
  const unavailable = { status: 503, body: { status: 'unavailable' } } as never;
  readings.postgres = async () => ({ status: 'down', detail: 'refused' });
  t.deepEqual(await get('/health/serving'), unavailable);
  readings.postgres = async () => ({ status: 'up' });
  state.milliseconds += 1_000;
  state.unready = true;
  t.deepEqual(await get('/health/serving'), unavailable);
  state.unready = false;
  t.deepEqual(await get('/health/serving'), { status: 200, body: { status: 'ok' } } as never);
  readings.postgres = async () => ({ status: 'down', detail: 'refused' });
  state.milliseconds += 1_000;
  t.is((await get('/health/ready')).status, 503);
  t.is((await get('/health/serving')).status, 200);
  state.unready = true;
  t.deepEqual(await get('/health/serving'), unavailable);
});

test('a change of our own is seen at once, past the remembered reading and one under way', async (t) => {
  const { get, readings, health } = await setup(t);
  const slow = Promise.withResolvers<HealthReading>();
  readings.postgres = () => slow.promise;
  const before = health.read();
  await new Promise(setImmediate);
  readings.postgres = async () => ({ status: 'up' });
  const again = health.readAgain();
  slow.resolve({ status: 'down' });
  t.is((await before).status, 'unavailable');
  t.is((await again).status, 'ok');
  t.is((await get('/health/ready')).status, 200);
});
