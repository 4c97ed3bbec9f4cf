import test, { type ExecutionContext } from 'ava';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { Input } from '#src/kernel/requests/route.ts';
import type { Close } from '#src/pricing/forecast/closes.ts';
import { createForecastRoutes } from '#src/pricing/forecast/forecast-routes.ts';
import { forecastVolatility } from '#src/pricing/forecast/volatility-forecast.ts';
import { captureSpans } from '#testkit/spans.ts';
import { setup } from '../setup.ts';

/** `count` closes whose returns are +1 % and -0.5 % in turn, with a larger one every tenth day. */
const closesOf = (count: number): Close[] => {
  let close = 100;
  return Array.from({ length: count }, (_, day) => {
    close *= day % 10 === 0 ? 1.03 : day % 2 === 0 ? 1.01 : 0.99;
    return { date: new Date(Date.UTC(1950, 0, 1 + day)).toISOString().slice(0, 10), close };
  });
};

/** Monthly closes with the returns of daily ones. */
const monthlyCloses = closesOf(240).map(({ close }, month) => ({
  close,
  date: new Date(Date.UTC(2000, month, 1)).toISOString().slice(0, 10),
}));
type Answer = {
  readonly volatility: number;
  readonly horizon_calendar_days: number;
  readonly parameters: Readonly<Record<string, number>>;
};

const stored: Record<string, Close[]> = {
  MONTHLY: monthlyCloses,
  SIM: closesOf(6000),
  NEW: closesOf(20),
  LONG: closesOf(25_000),
};

const start = (t: ExecutionContext) => {
  const { forecaster, metrics, workers } = setup({ closes: async (symbol) => stored[symbol] });
  t.teardown(workers.close);
  const [route] = createForecastRoutes({ forecaster });
  const send = async (body: object, signal?: AbortSignal) => {
    const read = route!.request.body!.parse(body);
    return route!.handler({ body: read, context: { signal } } as Input<object>);
  };
  const failed = async (body: object, signal?: AbortSignal) => send(body, signal).then(() => 'ok', codeOf);
  return { route: route!, send, failed, metrics };
};

test('the route needs ml:read, answers with its schema, and refuses unknown symbols and too few closes', async (t) => {
  const { route, send, failed, metrics } = start(t);
  t.deepEqual(route.auth, { scope: 'ml:read' });
  for (const method of ['ewma', 'garch11'] as const) {
    const { status, body } = await send({ symbol: 'SIM', method, horizon_days: 21 });
    t.is(status, 200);
    t.true(route.responses[200]!.safeParse(body).success);
    const horizon = { horizon_days: 21, horizon_periods: 21 };
    t.deepEqual(body, { symbol: 'SIM', ...horizon, ...forecastVolatility(stored['SIM']!, method, 21) });
    const byPeriods = await send({ symbol: 'SIM', method, horizon_periods: 21 });
    t.deepEqual(byPeriods.body, body);
  }
  t.is(await failed({ symbol: 'NOPE', method: 'ewma', horizon_days: 5 }), 'resource_not_found');
  t.is(await failed({ symbol: 'NEW', method: 'ewma', horizon_days: 5 }), 'pricing_calculation_failed');
  t.is(metrics.value('volwatch_forecast_duration_seconds', { method: 'ewma', outcome: 'failed' }), 2);
  t.is(metrics.value('volwatch_forecast_duration_seconds', { method: 'garch11', outcome: 'ok' }), 2);
  for (const broken of [
    { horizon_days: 0 },
    { horizon_days: 2521 },
    { horizon_days: 1.5 },
    { method: 'arima' },
    { extra: 1 },
  ]) {
    const body = { symbol: 'SIM', method: 'ewma', horizon_days: 5, ...broken };
    t.false(route.request.body!.safeParse(body).success, JSON.stringify(broken));
  }
});

test('the horizon is a number of periods, and the answer says how many calendar days they are', async (t) => {
  const { send } = start(t);
  const daily = (await send({ symbol: 'SIM', method: 'ewma', horizon_periods: 12 })).body as Answer;
  t.true(Math.abs(daily.horizon_calendar_days - 12) < 1e-9);
  const monthly = (await send({ symbol: 'MONTHLY', method: 'ewma', horizon_periods: 12 })).body as Answer;
  t.true(Math.abs(monthly.horizon_calendar_days - 365.25) < 1, String(monthly.horizon_calendar_days));
});

test('the decay of ewma is 0.94 for all closes unless the request sends one; a fit in memory knows its decay', async (t) => {
  const { send } = start(t);
  const at = async (decay?: number) =>
    (await send({ symbol: 'MONTHLY', method: 'ewma', horizon_periods: 1, decay })).body as Answer;
  const standard = await at();
  t.is(standard.parameters['lambda'], 0.94);
  t.deepEqual(await at(0.94), standard);
  const slower = await at(0.97);
  t.is(slower.parameters['lambda'], 0.97);
  t.not(slower.volatility, standard.volatility);
  t.is(slower.volatility, forecastVolatility(stored['MONTHLY']!, 'ewma', 1, 0.97).volatility);
});

test('one horizon is required, and a decay goes with ewma only', (t) => {
  const { route } = start(t);
  const pathOf = (body: object) => route.request.body!.safeParse({ symbol: 'SIM', ...body }).error?.issues[0]?.path[0];
  t.is(pathOf({}), 'horizon_periods');
  t.is(pathOf({ horizon_days: 5, horizon_periods: 5 }), 'horizon_days');
  t.is(pathOf({ horizon_periods: 5, decay: 0.9 }), 'decay');
  t.is(pathOf({ horizon_periods: 5, method: 'ewma', decay: 1 }), 'decay');
  t.is(pathOf({ horizon_periods: 5, method: 'ewma', decay: 0.9 }), undefined);
});

test.serial('a forecast has a span, and a pricing process makes it', async (t) => {
  const spans = captureSpans(t);
  const { send, failed } = start(t);
  await send({ symbol: 'SIM', method: 'garch11', horizon_days: 21 });
  const byName = spans.named;
  const [forecast] = byName('pricing.forecast');
  const [worker] = byName('pricing.worker');
  t.like(forecast?.attributes, { 'pricing.forecast.method': 'garch11', 'pricing.forecast.observations': 5999 });
  t.is(worker?.parentSpanContext?.spanId, forecast?.spanContext().spanId);
  t.is(typeof worker?.attributes['process.pid'], 'number');
  t.not(worker?.attributes['process.pid'], process.pid);
  t.is(await failed({ symbol: 'NOPE', method: 'ewma', horizon_days: 5 }), 'resource_not_found');
  t.is(byName('pricing.forecast')[1]?.attributes['error.type'], 'resource_not_found');
});

test.serial('the event loop stays free while a long series is fitted, and a deadline ends the wait', async (t) => {
  const { send, failed } = start(t);
  const began = performance.now();
  forecastVolatility(stored['LONG']!, 'garch11', 21);
  const fitMs = performance.now() - began;
  let last = performance.now();
  let maxGapMs = 0;
  const timer = setInterval(() => {
    maxGapMs = Math.max(maxGapMs, performance.now() - last);
    last = performance.now();
  }, 1);
  await send({ symbol: 'LONG', method: 'garch11', horizon_days: 21 });
  clearInterval(timer);
  t.true(maxGapMs < fitMs / 2, `${maxGapMs} ms without a turn of the event loop; a fit takes ${fitMs} ms`);
  t.is(await failed({ symbol: 'LONG', method: 'garch11', horizon_days: 5 }, AbortSignal.timeout(1)), 'overloaded');
});
