import { context, trace } from '@opentelemetry/api';
import test from 'ava';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { noFaults, type TakenFault } from '#src/kernel/catalogue/faults.ts';
import { captureSpans } from '#testkit/spans.ts';
import { arrowStream, columnsOf } from '#testkit/arrow/arrow-support.ts';
import { call } from '../setup.ts';
import { eventually } from '#testkit/eventually.ts';
import { slowTree, start, withCoverage } from './start-pool.ts';

for (const what of ['exit', 'memory']) {
  test.serial(`a worker that ends (${what}) is replaced, and only its request fails`, async (t) => {
    const { run, code, until, health, lines } = start(t);
    t.is(await health(), 'up');
    const doomed = code(run(what));
    const waiting = code(run());
    t.is(await doomed, 'internal_error');
    t.is(await health(), 'degraded');
    t.is(await waiting, 'ok');
    await until('volwatch_workers_restarts_total', 1);
    t.is(await code(run()), 'ok');
    t.true(lines.some(({ level }) => level === 'error'));
    await until('volwatch_workers_busy', 0);
  });
}

test.serial('a process that ends because of one task does not fail the tasks of other callers', async (t) => {
  const { workers, code, until, metrics } = start(t);
  const send = async (caller: string, rows: readonly object[]) => {
    const bytes = Buffer.from(JSON.stringify({ options: rows }));
    const request = { bytes, input: 'json', answer: ['json'], jsonDepth: 20 } as const;
    return workers.run(request, { caller, kind: 'batch', maxMs: 1e9 });
  };
  t.is(await code(send('warm-up', [call])), 'ok');
  const slow = Array.from({ length: 300 }, () => ({ ...call, ...slowTree }));
  const innocent = code(send('innocent', slow));
  await until('volwatch_workers_busy', 1);
  // It gets the second place of the same process, and ends it.
  t.is(await code(send('culprit', [{ ...call, symbol: 'exit' }])), 'internal_error');
  t.is(await innocent, 'ok');
  t.is(metrics.value('volwatch_workers_restarts_total'), 2, 'once with both tasks, once with the culprit alone');
});

test.serial('an error in a worker fails its request and leaves the worker', async (t) => {
  const { run, code, metrics } = start(t);
  t.is(await code(run('throw')), 'internal_error');
  t.is(await code(run()), 'ok');
  t.is(metrics.value('volwatch_workers_restarts_total'), 0);
});

test.serial(
  'faults injected at pricing.worker reach the pricing process: an error, a delay, a hang, its end',
  async (t) => {
    const taken: TakenFault[] = [];
    const faults = { ...noFaults, take: () => taken.shift() };
    // The thread of the service, not one that misbehaves by itself.
    const { run, code, until } = start(t, {
      filename: new URL('../../../src/pricing/workers/worker.ts', import.meta.url).href,
      faults,
      heapMegabytes: 256,
    });
    t.is(await code(run()), 'ok');
    const fault = { delayMs: 0, errorCode: 'pricing_calculation_failed' } as const;
    taken.push({ ...fault, mode: 'error' });
    t.is(await code(run()), 'pricing_calculation_failed');
    taken.push({ ...fault, mode: 'delay', delayMs: 300 });
    const began = performance.now();
    t.is(await code(run()), 'ok');
    t.true(performance.now() - began > 290);
    await until('volwatch_workers_restarts_total', 0);

    taken.push({ ...fault, mode: 'hang' });
    const controller = new AbortController();
    const hanging = code(run('', controller.signal));
    // The fault must hang in the pricing process before the abort. The metrics show only that the task was sent.
    await sleep(300);
    controller.abort();
    t.is(await hanging, 'overloaded');
    t.is(await code(run()), 'ok');
    await until('volwatch_workers_restarts_total', 1);

    taken.push({ ...fault, mode: 'crash' });
    t.is(await code(run()), 'internal_error');
    t.is(await code(run()), 'ok');
    await until('volwatch_workers_restarts_total', 2);
  },
);

test.serial('a process without progress is suspected, then ended; one that works long is left alone', async (t) => {
  const { run, code, until, health, service } = start(t, {
    filename: new URL('../../../src/pricing/workers/worker.ts', import.meta.url).href,
    faults: {
      ...noFaults,
      take: () => (stuck ? { mode: 'hang', delayMs: 0, errorCode: 'internal_error' } : undefined),
    },
    stallMs: 1_000,
    heapMegabytes: 256,
  });
  let stuck = false;
  t.is(await code(run()), 'ok');
  stuck = true;
  const hanging = code(run());
  stuck = false;
  const waiting = code(run());
  await eventually(async () => (await health()) === 'degraded', 'the stall is detected', 5_000, 5);
  t.is(await hanging, 'internal_error');
  t.is(await waiting, 'ok');
  await until('volwatch_workers_restarts_total', 1);

  const row = { ...call, model: 'binomial_lr', exercise_style: 'american', steps: 1_001 };
  let tookMs = 0;
  // How many rows take longer than a stall depends on the machine.
  for (let count = 1_500; tookMs <= 1_000 && count <= 12_000; count *= 2) {
    const began = performance.now();
    t.like(await service.batch({ options: Array.from({ length: count }, () => row) }), { succeeded: count });
    tookMs = performance.now() - began;
  }
  t.true(tookMs > 1_000, 'longer than a stall');
  await until('volwatch_workers_restarts_total', 1);
});

test.serial('rows that take long each are no stall', async (t) => {
  const { service, metrics } = start(t, {
    filename: new URL('../../../src/pricing/workers/worker.ts', import.meta.url).href,
    stallMs: withCoverage(1_000),
    heapMegabytes: 256,
  });
  // Some 70 ms a row: sixteen at once would be longer than a stall.
  const slow = { ...call, model: 'binomial_lr', exercise_style: 'american', steps: 1_501 };
  const outputs = ['price', 'delta', 'gamma', 'vega', 'theta', 'rho', 'vanna', 'volga', 'charm'];
  const batch = await service.batch({ options: Array.from({ length: 20 }, () => slow), outputs });
  t.like(batch, { succeeded: 20 });
  t.is(metrics.value('volwatch_workers_restarts_total'), 0);
});

test.serial('over the queue is overloaded at once; what waits is answered', async (t) => {
  const { run, code, metrics, until } = start(t, { queueLimit: 2, cancelGraceMs: 5_000 });
  const held = new AbortController();
  const slow = code(run('slow', held.signal));
  const waiting = [code(run()), code(run())];
  t.is(metrics.value('volwatch_workers_queue_size'), 2);
  t.is(metrics.value('volwatch_workers_busy'), 1);
  const error = await t.throwsAsync(run(), { instanceOf: AppError });
  t.like(error, { code: 'overloaded', retryAfter: 1 });
  held.abort();
  t.is(await slow, 'overloaded');
  t.deepEqual(await Promise.all(waiting), ['ok', 'ok']);
  await until('volwatch_workers_busy', 0);
  await until('volwatch_workers_queue_size', 0);
  t.is(metrics.value('volwatch_workers_restarts_total'), 0);
});

test.serial(
  'a pricing process that does not react to an abort is ended; the caller gets the error at once, and later tasks are done',
  async (t) => {
    const { run, code, until } = start(t);
    await run();
    const controller = new AbortController();
    const hanging = code(run('hang', controller.signal));
    // The task must run in the pricing process before the abort. The metrics show only that it was sent.
    await sleep(100);
    const aborted = performance.now();
    controller.abort();
    t.is(await hanging, 'overloaded');
    t.true(performance.now() - aborted < 40);
    t.is(await code(run()), 'ok');
    await until('volwatch_workers_restarts_total', 1);
  },
);

test.serial('an abort before the worker has begun takes the batch out of the queue', async (t) => {
  const { run, code, metrics, until } = start(t, { cancelGraceMs: 5_000 });
  const held = new AbortController();
  const slow = code(run('slow', held.signal));
  const controller = new AbortController();
  const waiting = code(run('hang', controller.signal));
  controller.abort();
  t.is(await waiting, 'overloaded');
  t.is(await code(run('', AbortSignal.abort())), 'overloaded');
  held.abort();
  await slow;
  t.is(await code(run()), 'ok');
  await until('volwatch_workers_busy', 0);
  t.is(metrics.value('volwatch_workers_restarts_total'), 0);
});

test.serial('closing ends what runs', async (t) => {
  const { run, code, workers, health, metrics } = start(t);
  await run();
  const hanging = code(run('hang'));
  // The task must run in the pricing process before the end.
  await sleep(50);
  await workers.close();
  t.is(await hanging, 'shutting_down');
  t.is(await code(run()), 'shutting_down');
  t.is(await health(), 'down');
  t.is(metrics.value('volwatch_workers_restarts_total'), 0);
});

test.serial('the span of a worker has the times of the worker and hangs below the batch of its request', async (t) => {
  const spans = captureSpans(t);
  const { service, run, code } = start(t);
  const tracer = trace.getTracer('test');
  const request = tracer.startSpan('request');
  await context.with(trace.setSpan(context.active(), request), async () => {
    await service.send({ bytes: arrowStream(columnsOf([call])), input: 'arrow', answer: ['arrow'] });
    await code(service.send({ bytes: Buffer.from([1]), input: 'arrow', answer: ['arrow'] }));
    await code(run('exit'));
  });
  request.end();
  const [batch, refused] = spans.named('pricing.batch');
  const [worker, refusedWorker, ended] = spans.named('pricing.worker');
  t.is(batch?.parentSpanContext?.spanId, request.spanContext().spanId);
  t.is(worker?.parentSpanContext?.spanId, batch?.spanContext().spanId);
  t.is(worker?.spanContext().traceId, request.spanContext().traceId);
  t.true(Number(worker?.attributes['process.pid']) > 0);
  t.true(Number(worker?.attributes['pricing.queue_ms']) >= 0);
  t.is(worker?.status.code, 0);
  t.is(refusedWorker?.parentSpanContext?.spanId, refused?.spanContext().spanId);
  t.like(refusedWorker, { attributes: { 'error.type': 'malformed_body' }, status: { code: 0 } });
  t.like(ended, { attributes: { 'error.type': 'internal_error' }, status: { code: 2 } });
});

test.serial('a model that takes long leaves the event loop alone: one option, and few rows', async (t) => {
  const spans = captureSpans(t);
  const { service } = start(t);
  const slow = { ...call, model: 'binomial_lr', exercise_style: 'american', steps: 3_001 };
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  const single = await service.price(slow);
  const greeks = await service.greeks({ ...slow, outputs: ['delta'] });
  const batch = await service.batch({ options: [slow, { ...slow, spot: -1 }] });
  clearInterval(timer);
  t.deepEqual(
    spans.named('pricing.worker').map(({ parentSpanContext }) => parentSpanContext?.spanId),
    ['price', 'greeks', 'batch'].map((name) => spans.named(`pricing.${name}`)[0]?.spanContext().spanId),
  );
  t.true(ticks > 3, String(ticks));
  t.is(batch.results[0]?.['price'], single.price);
  t.true(Math.abs(greeks.delta!) < 1);
  t.like(batch, { succeeded: 1, failed: 1 });
  // More dividends than the underlying is worth.
  await t.throwsAsync(service.price({ ...slow, dividends: [{ time: 0.1, amount: 100 }] }), {
    instanceOf: AppError,
    code: 'pricing_calculation_failed',
  });
});

test.serial('an abort stops a batch on this thread, too', async (t) => {
  const { service, code } = start(t);
  const options = Array.from({ length: 300 }, () => ({ ...call }));
  const controller = new AbortController();
  controller.abort();
  t.is(await code(service.batch({ options }, controller.signal)), 'overloaded');
});
