import type { Options } from 'k6/options';

/**
 * Base rate in requests per second; every scenario multiplies it by its own factor. One process on a small machine
 * serves the default rate without a queue.
 */
const rate = Number(__ENV['RATE'] ?? 50);
const seconds = (fallback: number): number => Number(__ENV['DURATION_S'] ?? fallback);

/**
 * Open model: requests start at a fixed rate and do not wait for earlier answers. A slow service therefore receives as
 * many requests as a fast one, and its queueing delay is measured (no coordinated omission). `maxVUs` is the maximum
 * number of requests in progress. k6 counts requests that it cannot send as dropped_iterations, which has a threshold.
 */
const open = { preAllocatedVUs: 50, maxVUs: 400, timeUnit: '1s' } as const;

/** The factors of the rate, one for each step of `stress`. */
export const stressSteps = [2, 4, 8, 12, 16, 20] as const;
const stressStepSeconds = seconds(15);

const steps = (targets: readonly number[], each: number) =>
  targets.flatMap((target) => [
    { target, duration: '1s' },
    { target, duration: `${each}s` },
  ]);

const halfRate = Math.max(1, Math.round(rate / 2));

type Scenarios = NonNullable<Options['scenarios']>;

const named: Record<string, () => Scenarios[string]> = {
  /** Checks that the service works under a small load. */
  smoke: () => ({ executor: 'constant-arrival-rate', ...open, rate, duration: `${seconds(20)}s` }),
  /** The load of a usual day. */
  average: () => ({ executor: 'constant-arrival-rate', ...open, rate: rate * 4, duration: `${seconds(120)}s` }),
  /** Increases the rate in steps. The step at which the latency starts to rise sharply is the knee. */
  stress: () => ({
    executor: 'ramping-arrival-rate',
    ...open,
    startRate: rate,
    stages: steps(
      stressSteps.map((factor) => rate * factor),
      stressStepSeconds,
    ),
  }),
  /** Ten times the load within a second, then back to the normal load. */
  spike: () => ({
    executor: 'ramping-arrival-rate',
    ...open,
    startRate: rate,
    stages: [
      { target: rate, duration: `${seconds(15)}s` },
      { target: rate * 10, duration: '1s' },
      { target: rate * 10, duration: `${seconds(15)}s` },
      { target: rate, duration: '1s' },
      { target: rate, duration: `${seconds(15)}s` },
    ],
  }),
  /** Runs long enough to detect leaks. */
  soak: () => ({ executor: 'constant-arrival-rate', ...open, rate: rate * 2, duration: `${seconds(3_600)}s` }),
  /** Sends more reads than the pool of database connections can serve, and then few again. */
  pool: () => ({
    executor: 'ramping-arrival-rate',
    ...open,
    // Each waits for up to the acquire timeout.
    preAllocatedVUs: 200,
    startRate: poolRate,
    stages: [
      { target: poolRate, duration: `${poolSeconds.before}s` },
      { target: rate * 4, duration: '1s' },
      { target: rate * 4, duration: `${poolSeconds.burst}s` },
      { target: poolRate, duration: '1s' },
      { target: poolRate, duration: `${poolSeconds.after}s` },
    ],
  }),
  /** Calendar syncs of a few users at two instances, with access tokens that expire every few seconds. */
  calendar: () => ({ executor: 'constant-arrival-rate', ...open, rate: halfRate, duration: `${seconds(30)}s` }),
  /** Increases the rate until a threshold fails, which ends the run. */
  breakpoint: () => ({
    executor: 'ramping-arrival-rate',
    ...open,
    maxVUs: 1_000,
    startRate: rate,
    stages: [{ target: rate * 100, duration: `${seconds(300)}s` }],
  }),
};

/** Seconds of the steps of `pool`: a few reads, far more than the pool can serve, and few again. */
const poolSeconds = { before: 5, burst: seconds(15), after: 10 };
const poolRate = Math.max(1, Math.round(rate / 10));

/** The step of `pool` at this time. Requests that still wait when the burst ends belong to it. */
export const poolPhaseAt = (elapsedMs: number): 'before' | 'burst' | 'after' => {
  const elapsed = elapsedMs / 1_000;
  if (elapsed < poolSeconds.before) return 'before';
  return elapsed < poolSeconds.before + poolSeconds.burst + 4 ? 'burst' : 'after';
};

export const scenarioName = __ENV['SCENARIO'] ?? 'smoke';

/** The chosen scenario. Refreshes run in the background, as in real traffic. */
export const scenarios = (): Scenarios => {
  const chosen = named[scenarioName];
  if (chosen === undefined) throw new Error(`No scenario ${scenarioName}: ${Object.keys(named).join(', ')}`);
  const traffic = chosen();
  if (scenarioName === 'pool') return { traffic: { ...traffic, exec: 'poolReads' } };
  if (scenarioName === 'calendar') return { traffic: { ...traffic, exec: 'calendarSyncs' } };
  const length =
    'stages' in traffic && traffic.stages
      ? `${traffic.stages.reduce((sum, stage) => sum + Number.parseInt(stage.duration, 10), 0)}s`
      : 'duration' in traffic
        ? traffic.duration
        : '20s';
  return {
    traffic: { ...traffic, exec: 'traffic' },
    refreshes: { executor: 'constant-vus', vus: 1, duration: length, exec: 'refreshes' },
  };
};

/** The index of the `stress` step at this time. */
export const stepAt = (elapsedMs: number): number =>
  Math.min(stressSteps.length - 1, Math.floor(elapsedMs / 1_000 / (stressStepSeconds + 1)));
