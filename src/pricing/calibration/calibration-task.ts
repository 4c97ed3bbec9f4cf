import type { Steps } from '#src/kernel/streams/turns.ts';
import { hestonNames } from '../engines/heston/heston-gradient.ts';
import { hestonGradientCost, type WorkEstimate } from '../models/cost.ts';
import { calibrationSteps, type Calibration } from './calibration.ts';
import { maxQuotes } from './calibration-members.ts';
import { readCalibration, type CalibrationInputs } from './read-calibration.ts';

/** A calibration as a task of a pricing process. The body of the task is the body of the request. */
export type CalibrationRequest = {
  readonly input: 'quotes';
  /** Max nesting of JSON. */
  readonly jsonDepth: number;
};

/**
 * Share of the max work after which no other start is begun. One more start of 1,000 quotes with the max iterations then
 * still ends before the deadline, which would discard all finished starts. It is a share of estimated work and not of
 * measured time, so that the same request has the same answer on a busy machine.
 */
const RESTART_SHARE = 1 / 4;

/**
 * Share of the max work, as measured time, after which the best fit so far is answered. It is for fits whose prices take
 * much longer than their estimate. The rest is for the wait in the queue and for the time in a process for short work.
 */
const TIME_SHARE = 1 / 2;

/** Usual max number of points at which a fit calculates all prices. Nearly all fits need fewer than 30. */
const usualEvaluations = 60;

type Costs = {
  /** Of the prices of all quotes at one point. */
  readonly evaluationMs: number;
  readonly maxRowMs: number;
};

/** Wide bounds allow slow prices, so they count with the max cost. */
const costsOf = ({ quotes, upper }: CalibrationInputs): Costs => {
  const heston = Object.fromEntries(hestonNames.map((name, k) => [name, upper[k]]));
  let microseconds = 0;
  let maxMicroseconds = 0;
  for (const { time } of quotes) {
    const cost = hestonGradientCost({ heston, time_to_expiry: time });
    microseconds += cost;
    maxMicroseconds = Math.max(maxMicroseconds, cost);
  }
  return { evaluationMs: microseconds / 1_000, maxRowMs: maxMicroseconds / 1_000 };
};

/** Estimates the duration of a calibration. A fit that takes much longer ends at a limit of `calibrationSteps`. */
const estimateCalibration = (maxIterations: number, { evaluationMs, maxRowMs }: Costs): WorkEstimate => {
  const evaluations = Math.min(maxIterations + 1, usualEvaluations);
  return { totalMs: evaluationMs * evaluations, maxRowMs, model: 'heston' };
};

/** Bytes of a short quote in JSON. */
const minQuoteBytes = 40;
/** Of the gradient of one price, with usual parameters. */
const usualGradientMs = 0.025;

/**
 * Estimates a calibration by the size of its body, before a process has read it. Without an estimate it would count as the time to read a few kB, and
 * calibrations of many callers would come before all batches.
 */
export const estimateUnread = (bytes: number): WorkEstimate => ({
  totalMs: Math.min(maxQuotes, bytes / minQuoteBytes) * usualEvaluations * usualGradientMs,
  maxRowMs: usualGradientMs,
  model: 'heston',
});

export type OpenCalibration = {
  readonly quotes: number;
  readonly estimate: WorkEstimate;
  readonly steps: Steps<Calibration>;
};

/**
 * @param maxMs max work of the task, in milliseconds
 * @param workedMs returns the work on the task so far
 * @throws AppError `malformed_body`, `validation_failed`
 */
export const openCalibration = (
  { jsonDepth }: CalibrationRequest,
  body: Uint8Array,
  maxMs: number,
  workedMs: () => number,
): OpenCalibration => {
  const inputs = readCalibration(body, jsonDepth);
  const costs = costsOf(inputs);
  return {
    quotes: inputs.quotes.length,
    estimate: estimateCalibration(inputs.maxIterations, costs),
    steps: calibrationSteps(inputs, {
      maxEvaluations: Math.max(1, Math.floor(maxMs / costs.evaluationMs)),
      maxRestartEvaluations: (RESTART_SHARE * maxMs) / costs.evaluationMs,
      isTimeOver: () => workedMs() > TIME_SHARE * maxMs,
    }),
  };
};
