/** Measures calibrations of Heston, in this process and through one pricing process: `npm run bench:calibration`. */
import { trace } from '@opentelemetry/api';
import { noFaults } from '#src/kernel/catalogue/faults.ts';
import { calibrationSteps } from '#src/pricing/calibration/calibration.ts';
import { readCalibration } from '#src/pricing/calibration/read-calibration.ts';
import { createHeston } from '#src/pricing/engines/heston/heston.ts';
import { outputNames } from '#src/pricing/models/outputs.ts';
import { createPricingWorkers } from '#src/pricing/workers/pool.ts';
import { recordMetrics } from '#testkit/metrics.ts';

const model = { v0: 0.04, kappa: 1.5, theta: 0.06, sigma: 0.5, rho: -0.6 };
const market = { spot: 100, rate: 0.02, dividend_yield: 0.01 };
const jsonDepth = 20;
const heston = createHeston();
const out = new Float64Array(outputNames.length);
let state = 12_345;
/** Numbers between -1 and 1 (Park and Miller). */
const random = (): number => {
  state = (state * 48_271) % 2_147_483_647;
  return 2 * (state / 2_147_483_647) - 1;
};

/** Quotes of the model at `expiries` times and `strikes` strikes, with errors up to `noise` of each price. */
const bodyOf = (expiries: number, strikes: number, noise: number): Buffer => {
  const quotes = Array.from({ length: expiries * strikes }, (_, index) => {
    const time = (2 * (1 + Math.floor(index / strikes))) / expiries;
    const strike = 100 * Math.exp(0.2 * (3 * ((index % strikes) / (strikes - 1)) - 1.5) * Math.sqrt(time));
    const sign = strike > 100 ? 1 : -1;
    heston(100, strike, time, market.rate, market.dividend_yield, model, sign, false, out);
    const price = out[0]! * (1 + noise * random());
    return { strike, time_to_expiry: time, option_type: sign === 1 ? 'call' : 'put', price };
  });
  return Buffer.from(JSON.stringify({ ...market, quotes }));
};

const calibrate = (body: Buffer) => {
  const steps = calibrationSteps(readCalibration(body, jsonDepth));
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
};

const silent = () => {};
const logger = { debug: silent, info: silent, warn: silent, error: silent };
const workers = createPricingWorkers({
  tracer: trace.getTracer('bench'),
  metrics: recordMetrics(),
  logger,
  faults: noFaults,
  processes: 1,
  queueLimit: 100,
  stallMs: 60_000,
});

/** Calibrations per second with four at a time. */
const callsPerSecond = async (bytes: Buffer, calls: number): Promise<number> => {
  const run = () =>
    workers.calibrate({ bytes, input: 'quotes', jsonDepth }, { caller: 'bench', kind: 'batch', maxMs: 60_000 });
  const begun = performance.now();
  const lane = async () => {
    for (let call = 0; call < calls / 4; call++) await run();
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
  return (1_000 * calls) / (performance.now() - begun);
};

const medianOf = (values: readonly number[]): number =>
  values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)]!;

/** Fits and calls take turns, so that other load of the machine changes both figures. */
const rounds = 5;

console.log('quotes           noise  median ms  evaluations  stop            calls/s of one process');
for (const [expiries, strikes, noise, calls] of [
  [8, 5, 0, 200],
  [8, 5, 0.01, 200],
  [20, 50, 0.01, 12],
] as const) {
  const body = bodyOf(expiries, strikes, noise);
  const times: number[] = [];
  const rates: number[] = [];
  const { evaluations, stop_reason: reason } = calibrate(body);
  await callsPerSecond(body, calls);
  for (let round = 0; round < rounds; round++) {
    for (let fit = 0; fit < calls / 2; fit++) {
      const begun = performance.now();
      calibrate(body);
      times.push(performance.now() - begun);
    }
    rates.push(await callsPerSecond(body, calls));
  }
  const median = medianOf(times);
  const perSecond = medianOf(rates);
  console.log(
    `${`${expiries} x ${strikes}`.padEnd(16)} ${`${100 * noise} %`.padEnd(6)} ${median.toFixed(1).padEnd(10)} ` +
      `${String(evaluations).padEnd(12)} ${reason.padEnd(15)} ${perSecond.toFixed(1)}`,
  );
}
await workers.close();
