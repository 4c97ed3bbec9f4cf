import { hestonNames } from '../engines/heston/heston-gradient.ts';
import { hestonGradientCost, type WorkEstimate } from '../models/cost.ts';
import { calibrationSteps, type Calibration } from './calibration.ts';
import { readCalibration, type CalibrationInputs } from './read-calibration.ts';

/** A calibration as a task of a pricing process. The body of the task is the body of the request. */
export type CalibrationRequest = {
  readonly input: 'quotes';
  /** Max nesting of JSON. */
  readonly jsonDepth: number;
};

/** Usual max number of points at which a fit calculates all prices. Nearly all fits need fewer than 30. */
const usualEvaluations = 60;

/**
 * Estimates the duration of a calibration. Wide bounds allow slow prices, so they count with the max cost. A process stops
 * a fit that takes longer.
 */
const estimateCalibration = ({ quotes, upper, maxIterations }: CalibrationInputs): WorkEstimate => {
  const heston = Object.fromEntries(hestonNames.map((name, k) => [name, upper[k]]));
  let microseconds = 0;
  let maxMicroseconds = 0;
  for (const { time } of quotes) {
    const cost = hestonGradientCost({ heston, time_to_expiry: time });
    microseconds += cost;
    maxMicroseconds = Math.max(maxMicroseconds, cost);
  }
  const evaluations = Math.min(maxIterations + 1, usualEvaluations);
  return { totalMs: (microseconds * evaluations) / 1_000, maxRowMs: maxMicroseconds / 1_000, model: 'heston' };
};

export type OpenCalibration = {
  readonly quotes: number;
  readonly estimate: WorkEstimate;
  readonly steps: Generator<undefined, Calibration, undefined>;
};

/** @throws AppError `malformed_body`, `validation_failed` */
export const openCalibration = ({ jsonDepth }: CalibrationRequest, body: Uint8Array): OpenCalibration => {
  const inputs = readCalibration(body, jsonDepth);
  return { quotes: inputs.quotes.length, estimate: estimateCalibration(inputs), steps: calibrationSteps(inputs) };
};
