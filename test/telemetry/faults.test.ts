import test from 'ava';
import { AppError, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import { faultPoints, type FaultPoint } from '#src/kernel/catalogue/faults.ts';
import { silentLogger, type Logger } from '#src/kernel/ports/logger.ts';
import { trace } from '@opentelemetry/api';
import { createFaults, type Fault } from '#src/telemetry/faults.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { captureSpans } from '#testkit/spans.ts';

const fault = (overrides: Partial<Fault> & Pick<Fault, 'mode'>): Fault => ({
  probability: 1,
  delay_ms: 0,
  ...overrides,
});

const setup = (options: { random?: () => number; crash?: () => void; enabled?: boolean; logger?: Logger } = {}) => {
  const metrics = recordMetrics();
  return { metrics, faults: createFaults({ enabled: true, metrics, logger: silentLogger, ...options }) };
};

const codes: Record<FaultPoint, ErrorCode> = {
  'auth.verify': 'auth_service_error',
  'upload.read': 'request_timeout',
  'refresh.ensure_assets': 'database_unavailable',
  'refresh.store_prices': 'database_unavailable',
  'quality.measure': 'database_unavailable',
  'refresh.calculate_index_values': 'database_unavailable',
  'refresh.commit': 'database_unavailable',
  'provider.fetch': 'external_api_unavailable',
  'pricing.engine': 'pricing_calculation_failed',
  'pricing.worker': 'pricing_calculation_failed',
  'cache.get': 'external_api_unavailable',
};

test('without a fault nothing happens and nothing is armed', async (t) => {
  const { faults } = setup();
  for (const point of faultPoints) {
    t.false(faults.armed(point));
    await t.notThrowsAsync(faults.reach(point));
  }
});

for (const point of faultPoints) {
  test(`mode error at ${point} throws what a real fault would become, or the given code`, async (t) => {
    const { faults, metrics } = setup();
    faults.set(point, fault({ mode: 'error' }));
    t.true(faults.armed(point));
    t.is((await t.throwsAsync(faults.reach(point), { instanceOf: AppError })).code, codes[point]);
    faults.set(point, fault({ mode: 'error', error_code: 'overloaded' }));
    t.is((await t.throwsAsync(faults.reach(point), { instanceOf: AppError })).code, 'overloaded');
    t.is(metrics.value('volwatch_faults_injected_total', { point, mode: 'error' }), 2);
  });
}

test.serial('each use is a span event, a count and a warning', async (t) => {
  const spans = captureSpans(t);
  const warnings: unknown[] = [];
  const { faults, metrics } = setup({ logger: { ...silentLogger, warn: (fields) => void warnings.push(fields) } });
  faults.set('pricing.engine', fault({ mode: 'error' }));
  await trace.getTracer('test').startActiveSpan('work', async (span) => {
    await t.throwsAsync(faults.reach('pricing.engine'));
    span.end();
  });
  const [event] = spans.named('work')[0]?.events ?? [];
  t.is(event?.name, 'fault.injected');
  t.deepEqual(event?.attributes, { 'fault.point': 'pricing.engine', 'fault.mode': 'error' });
  t.is(metrics.value('volwatch_faults_injected_total', { point: 'pricing.engine', mode: 'error' }), 1);
  t.deepEqual(warnings, [{ fault_point: 'pricing.engine', fault_mode: 'error' }]);
});

test('a fault taken for another thread is counted here and has mode, delay and code for that thread', (t) => {
  const { faults, metrics } = setup();
  t.is(faults.take('pricing.worker'), undefined);
  faults.set('pricing.worker', fault({ mode: 'hang', delay_ms: 5, count: 1 }));
  const taken = { mode: 'hang', delayMs: 5, errorCode: 'pricing_calculation_failed' } as const;
  t.deepEqual(faults.take('pricing.worker'), taken);
  t.is(metrics.value('volwatch_faults_injected_total', { point: 'pricing.worker', mode: 'hang' }), 1);
  t.is(faults.take('pricing.worker'), undefined, 'its count is used up');
});

test('count: the fault affects this number of calls', async (t) => {
  const { faults } = setup();
  faults.set('cache.get', fault({ mode: 'error', count: 2 }));
  await t.throwsAsync(faults.reach('cache.get'));
  t.is(faults.get('cache.get')?.count, 1);
  await t.throwsAsync(faults.reach('cache.get'));
  await t.notThrowsAsync(faults.reach('cache.get'));
  t.false(faults.armed('cache.get'));
  t.deepEqual(faults.list(), []);
});

test('probability: the share of affected calls', async (t) => {
  const draws = [0.2, 0.3, 0.1];
  const { faults, metrics } = setup({ random: () => draws.shift() ?? 0 });
  faults.set('cache.get', fault({ mode: 'error', probability: 0.3 }));
  await t.throwsAsync(faults.reach('cache.get'));
  await t.notThrowsAsync(faults.reach('cache.get'));
  await t.throwsAsync(faults.reach('cache.get'));
  t.is(metrics.value('volwatch_faults_injected_total'), 2);
  faults.set('cache.get', fault({ mode: 'error', probability: 0 }));
  await t.notThrowsAsync(faults.reach('cache.get'));
});

test('delay waits for its time, and then the caller continues', async (t) => {
  const { faults } = setup();
  faults.set('provider.fetch', fault({ mode: 'delay', delay_ms: 60 }));
  const started = performance.now();
  await faults.reach('provider.fetch');
  const waited = performance.now() - started;
  t.true(waited >= 55 && waited < 1_000, String(waited));
});

test("hang ends with the caller, with the caller's own reason", async (t) => {
  const { faults } = setup();
  faults.set('provider.fetch', fault({ mode: 'hang' }));
  const caller = new AbortController();
  const hanging = faults.reach('provider.fetch', caller.signal);
  const reason = new AppError('external_api_timeout');
  // The caller aborts while the fault hangs.
  setTimeout(() => caller.abort(reason), 20);
  t.is(await t.throwsAsync(hanging), reason);
});

test('a cleared fault releases hanging callers, also after its count is used up', async (t) => {
  const { faults } = setup();
  faults.set('provider.fetch', fault({ mode: 'hang', count: 1 }));
  const hanging = faults.reach('provider.fetch');
  t.false(faults.armed('provider.fetch'));
  faults.clear('provider.fetch');
  await t.notThrowsAsync(hanging);
});

test('crash kills the process', async (t) => {
  let crashes = 0;
  const { faults } = setup({ crash: () => void (crashes += 1) });
  faults.set('refresh.commit', fault({ mode: 'crash' }));
  await faults.reach('refresh.commit');
  t.is(crashes, 1);
});

test('without fault injection no fault can be set', async (t) => {
  const { faults } = setup({ enabled: false });
  t.throws(() => faults.set('cache.get', fault({ mode: 'error' })), { instanceOf: AppError });
  await t.notThrowsAsync(faults.reach('cache.get'));
  t.deepEqual(faults.list(), []);
});
