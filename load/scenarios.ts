import type { Options } from 'k6/options';

/** Requests a second that one process on a small machine serves without queueing; RATE multiplies every scenario. */
const rate = Number(__ENV['RATE'] ?? 50);
const seconds = (fallback: number): number => Number(__ENV['DURATION_S'] ?? fallback);

/**
 * Open model: arrivals do not wait for answers, so a slow service is met by as many requests as a fast one and its
 * queueing shows (no coordinated omission). `maxVUs` bounds what may be in flight; what cannot be sent is counted by
 * k6 as dropped_iterations, which has a threshold.
 */
const open = { preAllocatedVUs: 50, maxVUs: 400, timeUnit: '1s' } as const;

/** What `stress` multiplies the rate by, a step each. */
export const stressSteps = [2, 4, 8, 12, 16, 20] as const;
const stressStepSeconds = seconds(15);

const steps = (targets: readonly number[], each: number) =>
  targets.flatMap((target) => [
    { target, duration: '1s' },
    { target, duration: `${each}s` },
  ]);

type Scenarios = NonNullable<Options['scenarios']>;

const named: Record<string, () => Scenarios[string]> = {
  /** Does it work under any load at all. */
  smoke: () => ({ executor: 'constant-arrival-rate', ...open, rate, duration: `${seconds(20)}s` }),
  /** A usual day. */
  average: () => ({ executor: 'constant-arrival-rate', ...open, rate: rate * 4, duration: `${seconds(120)}s` }),
  /** Up in steps: the step at which the latency bends is the knee. */
  stress: () => ({
    executor: 'ramping-arrival-rate',
    ...open,
    startRate: rate,
    stages: steps(
      stressSteps.map((factor) => rate * factor),
      stressStepSeconds,
    ),
  }),
  /** Ten times the load within a second, and back. */
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
  /** Long enough for what leaks to show. */
  soak: () => ({ executor: 'constant-arrival-rate', ...open, rate: rate * 2, duration: `${seconds(3_600)}s` }),
  /** Up until a threshold breaks, which ends the run. */
  breakpoint: () => ({
    executor: 'ramping-arrival-rate',
    ...open,
    maxVUs: 1_000,
    startRate: rate,
    stages: [{ target: rate * 100, duration: `${seconds(300)}s` }],
  }),
};

export const scenarioName = __ENV['SCENARIO'] ?? 'smoke';

/** The chosen scenario, and refreshes in the background, which real traffic has too. */
export const scenarios = (): Scenarios => {
  const chosen = named[scenarioName];
  if (chosen === undefined) throw new Error(`No scenario ${scenarioName}: ${Object.keys(named).join(', ')}`);
  const traffic = chosen();
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

/** Which step of `stress` the moment belongs to. */
export const stepAt = (elapsedMs: number): number =>
  Math.min(stressSteps.length - 1, Math.floor(elapsedMs / 1_000 / (stressStepSeconds + 1)));
