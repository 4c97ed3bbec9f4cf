import { context, trace } from '@opentelemetry/api';
import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { noFaults, type Faults } from '#src/kernel/catalogue/faults.ts';
import { problemOf } from '#src/http/problems/problem.ts';
import { createBlackScholesEngine } from '#src/pricing/engines/european/black-scholes-engine.ts';
import { greekNames } from '#src/pricing/models/outputs.ts';
import { hiddenPanels } from '#testkit/american/hidden-costs.ts';
import { captureSpans } from '#testkit/spans.ts';
import { blackScholes, call, setup } from './setup.ts';

const codeFrom = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'ok',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  );

test.serial('price echoes every input with defaults, in a span and two metrics', async (t) => {
  const spans = captureSpans(t);
  const { service, metrics, options } = setup();
  const { price, computation_time_ms, ...echo } = await service.price(call);
  t.is(price.toFixed(4), '4.7594');
  t.true(computation_time_ms >= 0);
  t.deepEqual(echo, { ...call, model: 'black_scholes', exercise_style: 'european', dividend_yield: 0 });
  t.deepEqual(spans.named('pricing.price')[0]?.attributes, {
    'pricing.model': 'black_scholes',
    'pricing.exercise_style': 'european',
  });
  t.is(options({ operation: 'price', model: 'black_scholes', outcome: 'ok' }), 1);
  t.is(metrics.value('volwatch_pricing_duration_seconds', { operation: 'price', model: 'black_scholes' }), 1);
});

test.serial(
  'below a request that is not sampled no span is made; the answer and the metrics are the same',
  async (t) => {
    const spans = captureSpans(t);
    const { service, options } = setup();
    const unsampled = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 0 };
    await context.with(trace.setSpanContext(context.active(), unsampled), async () => {
      t.is((await service.price(call)).price.toFixed(4), '4.7594');
      t.is(await codeFrom(service.price({ ...call, spot: -1 })), 'validation_failed');
      t.like(await service.batch({ options: [call] }), { succeeded: 1 });
    });
    t.deepEqual(spans.all(), []);
    t.is(options({ operation: 'price', model: 'black_scholes', outcome: 'ok' }), 1);
    t.is(options({ operation: 'batch', model: 'black_scholes', outcome: 'ok' }), 1);
  },
);

test.serial('greeks answers the first six, or those asked for', async (t) => {
  const { service } = setup();
  const first = await service.greeks(call);
  t.deepEqual(
    greekNames.filter((name) => name in first),
    ['delta', 'gamma', 'vega', 'theta', 'rho', 'dividend_rho'],
  );
  const asked = await service.greeks({ ...call, outputs: ['color', 'vanna', 'color'] });
  t.deepEqual(
    greekNames.filter((name) => name in asked),
    ['vanna', 'color'],
  );
  t.is(await codeFrom(service.greeks({ ...call, outputs: ['price2'] })), 'validation_failed');
  t.is(await codeFrom(service.greeks({ ...call, strike: 42, time_to_expiry: 0 })), 'pricing_calculation_failed');
  t.is((await service.greeks({ ...call, strike: 42, time_to_expiry: 0, outputs: ['vega'] })).vega, 0);
});

/** A model whose engine throws. */
const throws = (error: Error) => ({
  ...blackScholes,
  build: () => ({
    price: () => {
      throw error;
    },
    evaluate: () => {},
  }),
});

test.serial('a failed calculation says what failed; its log line has model and inputs', async (t) => {
  const own = setup({ models: [throws(new Error('Division by zero in d1'))] });
  const error = await t.throwsAsync(own.service.price(call), { instanceOf: AppError });
  t.is(error.message, 'The calculation failed: Division by zero in d1');
  t.like(own.lines[0], {
    level: 'warn',
    fields: { code: 'pricing_calculation_failed', model: 'black_scholes', inputs: call },
  });
  const batch = await own.service.batch({ options: [call] });
  t.like(batch.results[0]?.['error'], { detail: 'The calculation failed: Division by zero in d1' });

  // The text of an error of the language is not ours. The problem document shows it outside production.
  const foreign = setup({ models: [throws(new TypeError('x is not a function'))] });
  const hidden = await t.throwsAsync(foreign.service.price(call), { instanceOf: AppError });
  t.is(hidden.message, 'The calculation failed');
  const options = { instance: '/', requestId: '1', traceId: '2' };
  t.is(problemOf(hidden, { ...options, production: true })['detail'], 'The calculation failed');
  t.is(problemOf(hidden, { ...options, production: false })['detail'], 'The calculation failed: x is not a function');

  const infinite = setup();
  await t.throwsAsync(infinite.service.greeks({ ...call, strike: 42, time_to_expiry: 0, outputs: ['gamma'] }), {
    message: 'gamma has no finite value for these inputs',
  });
  t.like(infinite.lines[0], { level: 'info', fields: { model: 'black_scholes' } });
});

test.serial('an unknown model is named with the known ones, up to 64 characters', async (t) => {
  const { service } = setup({ models: [blackScholes] });
  await t.throwsAsync(service.price({ ...call, model: 'lattice"' }), {
    message: 'There is no model "lattice\\""; the models are black_scholes',
  });
  const long = await t.throwsAsync(service.price({ ...call, model: 'm'.repeat(5_000) }));
  t.true(long.message.length < 120);
  const { results } = await service.batch({ options: [{ ...call, model: 'lattice' }] });
  t.like(results[0]?.['error'], { detail: 'There is no model "lattice"; the models are black_scholes' });
});

test.serial('the three failures of an engine have a code, a span and a metric each', async (t) => {
  const spans = captureSpans(t);
  const unbuildable = {
    ...blackScholes,
    build: () => {
      throw new Error('no memory');
    },
  };
  const throwing = {
    ...blackScholes,
    build: () => ({
      price: () => {
        throw new Error('boom');
      },
      evaluate: () => {},
    }),
  };
  const infinite = { ...blackScholes, build: () => ({ price: () => Number.NaN, evaluate: () => {} }) };
  const cases = [
    [blackScholes, { ...call, model: 'lattice' }, 'pricing_model_unknown', 'unknown', 'invalid', 0],
    [unbuildable, call, 'pricing_engine_unavailable', 'black_scholes', 'failed', 2],
    [throwing, call, 'pricing_calculation_failed', 'black_scholes', 'failed', 0],
    [infinite, call, 'pricing_calculation_failed', 'black_scholes', 'failed', 0],
    [blackScholes, { ...call, spot: 0 }, 'validation_failed', 'black_scholes', 'invalid', 0],
  ] as const;
  for (const [model, body, code, label, outcome, status] of cases) {
    spans.reset();
    const { service, options } = setup({ models: [model] });
    t.is(await codeFrom(service.price(body)), code);
    const [span] = spans.named('pricing.price');
    t.is(span?.attributes['error.type'], code);
    t.is(span?.status.code, status);
    t.is(options({ operation: 'price', model: label, outcome }), 1);
  }
});

test.serial(
  'an engine that could not be built is built again at the next request, and reported as an error of the service',
  async (t) => {
    let builds = 0;
    const build = () => {
      builds++;
      if (builds === 1) throw new Error('not yet');
      return createBlackScholesEngine();
    };
    const { service, lines } = setup({ models: [{ ...blackScholes, build: build as typeof blackScholes.build }] });
    t.is(await codeFrom(service.price(call)), 'pricing_engine_unavailable');
    t.deepEqual(
      lines.map(({ level }) => level),
      ['error'],
    );
    t.is(await codeFrom(service.price(call)), 'ok');
    t.is(await codeFrom(service.price(call)), 'ok');
    t.is(builds, 2);
  },
);

test.serial('a batch answers each row as the single call does, in order, with its failures in place', async (t) => {
  const spans = captureSpans(t);
  const { service, options, metrics } = setup();
  const rows = [
    call,
    { ...call, volatility: -1 },
    { ...call, model: 'lattice' },
    null,
    {
      model: 'black76',
      forward: 20,
      strike: 20,
      time_to_expiry: 1 / 3,
      rate: 0.09,
      volatility: 0.25,
      option_type: 'put',
    },
    { ...call, exercise_style: 'american', model: 'black_scholes' },
  ];
  const outputs = ['price', 'delta', 'vega'];
  const batch = await service.batch({ options: rows, outputs });
  t.like(batch, { total_count: 6, succeeded: 2, failed: 4 });
  for (const index of [0, 4]) {
    const { computation_time_ms: _, ...single } = await service.greeks({
      ...(rows[index] as object),
      outputs: ['delta', 'vega'],
    });
    t.deepEqual(batch.results[index], single);
  }
  t.deepEqual(batch.results[1], {
    ...call,
    volatility: -1,
    error: {
      code: 'validation_failed',
      category: 'validation',
      detail: 'volatility must be at least 0 and at most 100, not -1',
      pointer: '/options/1/volatility',
    },
  });
  t.like(batch.results[2], { model: 'lattice', error: { code: 'pricing_model_unknown', category: 'pricing' } });
  t.like(batch.results[3], { error: { code: 'validation_failed', pointer: '/options/3' } });
  t.like(batch.results[5], { error: { code: 'validation_failed', pointer: '/options/5/exercise_style' } });

  t.like(spans.named('pricing.batch')[0]?.attributes, {
    'pricing.model': 'mixed',
    'pricing.exercise_style': 'european',
    'pricing.batch.size': 6,
    'pricing.batch.failed': 4,
  });
  t.is(options({ operation: 'batch', model: 'black_scholes', outcome: 'ok' }), 1);
  t.is(options({ operation: 'batch', model: 'black_scholes', outcome: 'invalid' }), 2);
  t.is(options({ operation: 'batch', model: 'unknown', outcome: 'invalid' }), 2);
  t.is(options({ operation: 'batch', model: 'black76', outcome: 'ok' }), 1);
  t.is(metrics.value('volwatch_pricing_batch_size', { format: 'objects' }), 1);
});

test.serial('a fault at pricing.engine fails a single call and, in a batch, its rows', async (t) => {
  const reach = async (point: string) => {
    if (point === 'pricing.engine') throw new AppError('pricing_calculation_failed', 'Injected');
  };
  const faults: Faults = { ...noFaults, armed: (point) => point === 'pricing.engine', reach };
  const { service, options } = setup({ faults });
  t.is(await codeFrom(service.price(call)), 'pricing_calculation_failed');
  const batch = await service.batch({ options: [call, call] });
  t.like(batch, { succeeded: 0, failed: 2 });
  t.like(batch.results[1], { ...call, error: { code: 'pricing_calculation_failed', detail: 'Injected' } });
  t.is(options({ operation: 'batch', model: 'black_scholes', outcome: 'failed' }), 2);
});

test.serial('rows that a fault spares are priced by the engine of their own model', async (t) => {
  let row = 0;
  const reach = async () => {
    if (row++ === 1) throw new AppError('pricing_calculation_failed', 'Injected');
  };
  const { service, options } = setup({ faults: { ...noFaults, armed: () => true, reach } });
  const { spot: forward, ...rest } = call;
  const black76 = { ...rest, forward, model: 'black76' };
  const { results } = await service.batch({ options: [call, black76, black76, call] });
  t.is(options({ operation: 'batch', model: 'black76', outcome: 'failed' }), 1);
  const [first, , third, fourth] = results as { price: number }[];
  t.is(first?.price, fourth?.price);
  row = 2;
  const { price, ...echo } = await service.price(black76);
  t.is(echo.model, 'black76');
  t.is(third?.price, price);
});

test.serial('a price and a batch that need panels are begun again in a pricing process, and counted', async (t) => {
  const { service, workers, metrics } = setup();
  t.teardown(() => workers.close());
  const moved = (operation: 'price' | 'batch') => metrics.value('volwatch_pricing_moved_total', { operation });
  const { price } = await service.price(hiddenPanels);
  t.is(moved('price'), 1);
  const body = { options: [call, hiddenPanels] };
  const first = await service.batch(body);
  t.is(moved('batch'), 1);
  t.deepEqual(
    first.results.map((row) => 'price' in row && row.price),
    [(await service.price(call)).price, price],
  );
  await service.batch(body);
  t.is(moved('batch'), 1, 'the next batch of this caller is not begun on the event loop');
});

test.serial(
  'a caller whose batch took longer than its estimate has the next ones in the lane for medium work',
  async (t) => {
    const { service, workers, metrics } = setup();
    t.teardown(() => workers.close());
    const inMediumLane = () =>
      metrics.value('volwatch_workers_task_duration_seconds', { lane: 'medium', outcome: 'ok' });
    // A new process has half a second, in which its code is compiled.
    await service.batch({ options: Array.from({ length: 300 }, () => hiddenPanels) });
    t.is(inMediumLane(), 1);
    // So large that the event loop does not price it.
    await service.batch({ options: Array.from({ length: 1_000 }, () => call) });
    t.is(inMediumLane(), 2);
    await service.price(hiddenPanels);
    t.is(inMediumLane(), 2, 'single options stay in the lane for short work');
  },
);
