import test from 'ava';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import { calibrationAnswer } from '#src/pricing/calibration/calibration-schemas.ts';
import { openCalibration } from '#src/pricing/calibration/calibration-task.ts';
import { maxExpiries, maxQuotes } from '#src/pricing/calibration/calibration-members.ts';
import { createVolatilityForecaster } from '#src/pricing/forecast/volatility-forecast.ts';
import { createEngineFactory } from '#src/pricing/models/engine-factory.ts';
import { createSearchWatch } from '#src/pricing/models/search-watch.ts';
import { createOpenTask } from '#src/pricing/workers/open-task.ts';
import { captureSpans } from '#testkit/spans.ts';
import { setup } from '../setup.ts';
import { calibrated, market, quotesOf, times } from './surfaces.ts';

const room = setup({ workers: { queueLimit: 100, callerLimit: 8, stallMs: 60_000 } });
const { calibrator, workers, metrics, lines, refusals } = room;
test.after.always(() => workers.close());

const send = (body: unknown, signal?: AbortSignal) =>
  calibrator.calibrate(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), signal);
const refusal = async (body: unknown, signal?: AbortSignal): Promise<AppError> => {
  const error: unknown = await send(body, signal).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof AppError) return error;
  throw new Error('not refused');
};

const model = { v0: 0.04, kappa: 1.5, theta: 0.06, sigma: 0.5, rho: -0.6 };
const quotes = quotesOf(model);
const [quote] = quotes as [(typeof quotes)[number]];
const surface = { ...market, quotes };

test.serial('a pricing process answers what the fit gives, with span, metrics and no log line', async (t) => {
  const spans = captureSpans(t);
  const answer = await send(surface);
  t.true(calibrationAnswer.safeParse(answer).success);
  const { computation_time_ms: elapsed, model: name, ...fitted } = answer;
  t.true(elapsed > 0);
  t.is(name, 'heston');
  t.deepEqual(fitted, calibrated(surface));
  const [span] = spans.named('pricing.calibrate');
  t.like(span!.attributes, { 'pricing.model': 'heston', 'pricing.batch.size': quotes.length });
  t.is(span!.attributes['pricing.calibration.stop_reason'], 'residual_small');
  t.is(spans.named('pricing.worker')[0]!.parentSpanContext!.spanId, span!.spanContext().spanId);
  t.is(metrics.value('volwatch_pricing_calibrations_total', { stop_reason: 'residual_small' }), 1);
  t.is(metrics.value('volwatch_pricing_calibration_evaluations', {}), 1);
  const labels = { operation: 'calibrate', model: 'heston' };
  t.is(metrics.value('volwatch_pricing_options_total', { ...labels, outcome: 'ok' }), quotes.length);
  t.is(metrics.value('volwatch_pricing_duration_seconds', labels), 1);
  t.deepEqual(lines, []);
});

test.serial('a fit that has not converged is answered, counted and logged', async (t) => {
  const answer = await send({ ...market, quotes: [quote] });
  t.like(answer, { converged: false, stop_reason: 'not_identified' });
  t.is(metrics.value('volwatch_pricing_calibrations_total', { stop_reason: 'not_identified' }), 1);
  t.like(lines.at(-1), { level: 'info' });
  t.like(lines.at(-1)!.fields, { stop_reason: 'not_identified', quotes: 1 });
});

test.serial('two calibrations at once have the answers of one after the other', async (t) => {
  const other = { ...market, quotes: quotesOf({ ...model, rho: 0.2, v0: 0.09 }) };
  const answers = await Promise.all([send(surface), send(other), send(surface)]);
  for (const [index, body] of [surface, other, surface].entries())
    t.deepEqual(answers[index]!.heston, calibrated(body).heston);
});

test.serial('dates stand in place of years, and contracts in place of strike, type and expiry', async (t) => {
  const { time_to_expiry: _, price: __, ...undated } = quote;
  const dates = { valuation_date: '2026-11-26' };
  const dated = await send({
    ...market,
    ...dates,
    quotes: [{ ...undated, implied_volatility: 0.2, expiry: '2027-11-26' }],
  });
  t.is(dated.quotes[0]!.time_to_expiry, 1);
  const contract = 'SPY   271126P00100000';
  const named = await send({ ...market, ...dates, quotes: [{ contract, implied_volatility: 0.2 }] });
  t.like(named.quotes[0], { strike: 100, time_to_expiry: 1, option_type: 'put', market_volatility: 0.2 });
});

const withQuote = (change: object) => ({ ...market, quotes: [quotes[1], { ...quote, ...change }] });
const faults: readonly [body: unknown, pointer: string, code: string, detail: RegExp][] = [
  [[], '', 'invalid_type', /not an array/],
  [{ ...market }, '/quotes', 'required', /quotes is required/],
  [{ ...market, quotes: [] }, '/quotes', 'invalid_length', /1 to 1000/],
  [{ ...market, quotes: {} }, '/quotes', 'invalid_type', /must be an array/],
  [{ ...surface, spot: undefined }, '/spot', 'required', /spot is required/],
  [{ ...surface, rate: '0.02' }, '/rate', 'invalid_type', /send 0.02 without quotes/],
  [{ ...surface, dividend_yield: 11 }, '/dividend_yield', 'out_of_range', /at most 10/],
  [{ ...surface, dividendyeld: 0 }, '/dividendyeld', 'unknown_member', /did you mean dividend_yield/],
  [{ ...surface, objective: 'prices' }, '/objective', 'invalid_value', /did you mean price\?/],
  [{ ...surface, max_iterations: 0.5 }, '/max_iterations', 'out_of_range', /an integer/],
  [{ ...surface, valuation_date: '2026-11-26' }, '/valuation_date', 'conflict', /no effect without a quote/],
  [{ ...surface, initial_guess: 3 }, '/initial_guess', 'invalid_type', /must be an object/],
  [{ ...surface, initial_guess: { kapa: 1 } }, '/initial_guess/kapa', 'unknown_member', /did you mean kappa/],
  [{ ...surface, initial_guess: { xi: 1 } }, '/initial_guess/xi', 'unknown_member', /did you mean sigma/],
  [{ ...surface, initial_guess: { rho: -1 } }, '/initial_guess/rho', 'out_of_range', /-0.9999/],
  [{ ...surface, initial_guess: { kappa: 60 } }, '/initial_guess/kappa', 'out_of_range', /within its bounds/],
  [{ ...surface, bounds: [] }, '/bounds', 'invalid_type', /must be an object/],
  [{ ...surface, bounds: { kappa: 1 } }, '/bounds/kappa', 'invalid_type', /must be an object/],
  [{ ...surface, bounds: { kappa: { min: 1 } } }, '/bounds/kappa/min', 'unknown_member', /did you mean lower/],
  [{ ...surface, bounds: { kappa: { lower: '1' } } }, '/bounds/kappa/lower', 'invalid_type', /must be a number/],
  [{ ...surface, bounds: { kappa: { lower: 2, upper: 2 } } }, '/bounds/kappa', 'out_of_range', /must be below/],
  [{ ...surface, bounds: { sigma: { lower: 5 } } }, '/bounds/sigma', 'out_of_range', /send both bounds/],
  [{ ...market, quotes: [1] }, '/quotes/0', 'invalid_type', /must be an object/],
  [withQuote({ iv: 0.2 }), '/quotes/1/iv', 'unknown_member', /did you mean implied_volatility/],
  [withQuote({ strike: -1 }), '/quotes/1/strike', 'out_of_range', /strike must be/],
  [withQuote({ option_type: 'calls' }), '/quotes/1/option_type', 'invalid_value', /did you mean call/],
  [withQuote({ option_type: undefined }), '/quotes/1/option_type', 'required', /option_type is required/],
  [withQuote({ time_to_expiry: 0 }), '/quotes/1/time_to_expiry', 'out_of_range', /greater than 0/],
  [withQuote({ time_to_expiry: undefined }), '/quotes/1/time_to_expiry', 'required', /expiry and valuation_date/],
  [withQuote({ weight: 0 }), '/quotes/1/weight', 'out_of_range', /greater than 0/],
  [withQuote({ price: undefined }), '/quotes/1/price', 'required', /or implied_volatility/],
  [withQuote({ implied_volatility: 0.2 }), '/quotes/1/implied_volatility', 'conflict', /remove one of them/],
  [withQuote({ price: 0 }), '/quotes/1/price', 'out_of_range', /cannot be fitted: remove the quote/],
  [withQuote({ price: 150 }), '/quotes/1/price', 'out_of_range', /above the max price/],
  [withQuote({ price: null }), '/quotes/1/price', 'invalid_type', /not null/],
  [
    withQuote({ price: undefined, implied_volatility: 20_000 }),
    '/quotes/1/implied_volatility',
    'out_of_range',
    /at most 100/,
  ],
  [
    withQuote({ price: undefined, implied_volatility: 100, time_to_expiry: 200 }),
    '/quotes/1/implied_volatility',
    'out_of_range',
    /does not determine the volatility/,
  ],
  [
    withQuote({ price: undefined, implied_volatility: 0.01, strike: 900 }),
    '/quotes/1/implied_volatility',
    'out_of_range',
    /does not determine the volatility/,
  ],
  [
    withQuote({ time_to_expiry: undefined, expiry: '2027-01-01' }),
    '/valuation_date',
    'required',
    /valuation_date is required/,
  ],
  [
    { ...withQuote({ time_to_expiry: undefined, expiry: '2026-11-26' }), valuation_date: '2026-11-26' },
    '/quotes/1/expiry',
    'out_of_range',
    /after valuation_date/,
  ],
  [
    { ...withQuote({ expiry: '2027-11-26' }), valuation_date: '2026-11-26' },
    '/quotes/1/expiry',
    'conflict',
    /expiry and time_to_expiry cannot be sent together/,
  ],
];
for (const [index, [body, pointer, code, detail]] of faults.entries()) {
  test.serial(`refused ${index}: ${code} at "${pointer}", ${detail.source}`, async (t) => {
    const error = await refusal(body);
    t.is(error.code, 'validation_failed');
    const found = error.errors!.find((each) => each.pointer === pointer && each.code === code);
    t.truthy(found, JSON.stringify(error.errors));
    t.regex(found!.detail, detail);
  });
}

test.serial(
  'texts that are no JSON, and more quotes, expiries or members than allowed, are refused before the fit',
  async (t) => {
    t.is((await refusal('{"spot":')).code, 'malformed_body');
    t.is((await refusal('')).code, 'malformed_body');
    refusals.length = 0;
    const many = await refusal({ ...market, quotes: Array.from({ length: maxQuotes + 1 }, () => quote) });
    t.is(many.errors![0]!.pointer, '/quotes');
    t.is((await refusal(`{"quotes":${'['.repeat(50)}${']'.repeat(50)}}`)).code, 'malformed_body');
    const wide = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`m${index}`, index]));
    t.is((await refusal({ ...market, quotes: [{ ...quote, ...wide }] })).code, 'malformed_body');
    t.deepEqual(
      refusals.map(({ kind }) => kind),
      ['body_structure', 'body_structure', 'body_structure'],
    );
    const expiries = Array.from({ length: maxExpiries + 1 }, (_, index) => ({
      ...quote,
      price: undefined,
      implied_volatility: 0.2,
      time_to_expiry: 1 + index / 100,
    }));
    t.regex((await refusal({ ...market, quotes: expiries })).errors![0]!.detail, /at most 100 expiries/);
    const wrong = Array.from({ length: maxQuotes }, () => ({ ...quote, strike: 'x' }));
    t.true((await refusal({ ...market, quotes: wrong })).errors!.length <= 110);
  },
);

test.serial('work above the limit is refused by its estimate and reported', async (t) => {
  refusals.length = 0;
  const large = Array.from({ length: maxQuotes }, () => quote);
  const failed = { operation: 'calibrate', model: 'heston', outcome: 'failed' };
  const before = metrics.value('volwatch_pricing_options_total', failed);
  const error = await refusal({ ...market, quotes: large, bounds: { sigma: { upper: 100 } } });
  t.is(error.code, 'pricing_work_too_large');
  t.is(metrics.value('volwatch_pricing_options_total', failed) - before, maxQuotes);
  t.deepEqual(
    refusals.map(({ kind }) => kind),
    ['work_estimate'],
  );
});

/** Five quotes of one expiry, for which the fit takes all iterations of each start. */
const slowFit = {
  ...market,
  max_iterations: 500,
  quotes: [0.25, 0.224, 0.206, 0.196, 0.194].map((volatility, index) => ({
    strike: 82 + 9 * index,
    time_to_expiry: 1,
    option_type: 'put',
    implied_volatility: volatility,
  })),
};

test.serial(
  'a fit that takes longer than its estimate is handed back by a process for short work, and ended at its limit',
  async (t) => {
    const answerWith = async (limits: { maxMs: number; handBackMs?: number }) => {
      const task = createOpenTask(
        { type: 'task', id: 1, request: { input: 'quotes', jsonDepth: 20 }, limits },
        Buffer.from(JSON.stringify(slowFit)),
        {
          engines: createEngineFactory(),
          searches: createSearchWatch(),
          forecastVolatility: createVolatilityForecaster(),
          send: () => {},
        },
      );
      for (;;) {
        const answer = await task.work(1);
        if (answer !== undefined) return answer.reply;
      }
    };
    t.deepEqual(await answerWith({ maxMs: 60_000, handBackMs: 8 }), { handedBack: 'time' });
    t.like(await answerWith({ maxMs: 40 }), {
      calibration: { converged: false, stop_reason: 'work_limit', starts: 1 },
    });
    t.like(await answerWith({ maxMs: 60_000 }), { calibration: { starts: 4, evaluations: 2_004 } });
  },
);

test('a calibration ends at a number of evaluations, or with the time for its work', (t) => {
  const fitted = (maxMs: number, workedMs: () => number) => {
    const body = Buffer.from(JSON.stringify(slowFit));
    const { steps } = openCalibration({ input: 'quotes', jsonDepth: 20 }, body, maxMs, workedMs);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
  };
  // An evaluation of five quotes counts as 0.125 ms, so 8 ms are 64 evaluations.
  t.like(
    fitted(8, () => 0),
    { converged: false, stop_reason: 'work_limit', starts: 1, evaluations: 64 },
  );
  // A quarter of 200 ms is passed by the estimate of the first start, so no other is begun.
  t.like(
    fitted(200, () => 0),
    { stop_reason: 'max_iterations', starts: 1, evaluations: 501 },
  );
  let steps = 0;
  const stepsAsTime = (): number => (steps += 1);
  const late = fitted(2_000, stepsAsTime);
  // The time is over after half of 2,000 ms. The fit looks at it after each of its five quotes and after each start.
  t.like(late, { converged: false, stop_reason: 'work_limit', starts: 1 });
  t.true(late.evaluations <= 201, `${late.evaluations} evaluations`);
  t.true(late.quotes.length === 5 && late.rmse_price < 1);
  t.is(codeOf(t.throws(() => fitted(1, () => 1))), 'pricing_work_too_large');
});

test.serial('when the caller leaves, the process stops the fit, and the next one is done', async (t) => {
  // Flat quotes take several seconds, because each start goes to its max iterations.
  const flat = Array.from({ length: maxQuotes }, (_, index) => ({
    strike: 80 + (index % 40),
    time_to_expiry: times[index % times.length],
    option_type: 'call',
    implied_volatility: 0.2,
  }));
  const controller = new AbortController();
  const left = refusal({ ...market, quotes: flat, max_iterations: 500 }, controller.signal);
  setTimeout(() => controller.abort(), 300);
  t.is((await left).code, 'overloaded');
  t.is(codeOf(await refusal(surface, AbortSignal.abort())), 'overloaded');
  t.true((await send(surface)).converged);
  t.is(metrics.value('volwatch_workers_restarts_total', {}), 0);
});

test.serial('an answer with a number that is not finite is refused', async (t) => {
  const negligible = [5e-324, ...quotes.slice(1).map(() => 1e6)];
  const weighted = quotes.map((each, index) => ({ ...each, weight: negligible[index] }));
  const error = await refusal({ ...market, quotes: weighted });
  t.is(error.code, 'pricing_calculation_failed');
  t.regex(error.message, /no finite value of \/(rmse_price|quotes\/0\/)/);
});
