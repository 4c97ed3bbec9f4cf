import type { Steps } from '#src/kernel/streams/turns.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { nonFiniteIn } from '#src/kernel/finite.ts';
import { createHestonGradient, hestonNames, type HestonName } from '../engines/heston/heston-gradient.ts';
import type { HestonInputs } from '../models/engine.ts';
import { diagnose, type Diagnostics } from './diagnostics.ts';
import { fitLeastSquares, type LeastSquaresFit, type Residuals } from './fit/levenberg-marquardt.ts';
import { isBetterFit } from './is-better-fit.ts';
import type { CalibrationInputs } from './read-calibration.ts';
import { startsOf } from './starts.ts';
import { surfacePoint, volatilityOf, type SurfacePoint } from './surface.ts';

/** A quote and its price under the fitted model. */
type FittedQuote = {
  readonly strike: number;
  readonly time_to_expiry: number;
  readonly option_type: 'call' | 'put';
  readonly market_price: number;
  readonly model_price: number;
  /** The price of the model less that of the market. */
  readonly price_error: number;
  readonly market_volatility: number;
  /** Null if the price of the model has no implied volatility, because it is at a bound of all prices. */
  readonly model_volatility: number | null;
  readonly volatility_error: number | null;
};

export type Calibration = Diagnostics & {
  readonly heston: HestonInputs;
  readonly quotes: readonly FittedQuote[];
  readonly rmse_price: number;
  /** Null if a price of the model has no implied volatility. */
  readonly rmse_volatility: number | null;
  readonly iterations: number;
  readonly evaluations: number;
  readonly starts: number;
};

/** Bounds of the work of all fits of a calibration. */
type WorkLimits = {
  /** Max number of points at which the prices of all quotes are calculated. */
  readonly maxEvaluations: number;
  /** After this number of evaluations no other start is begun. */
  readonly maxRestartEvaluations: number;
  /** Whether the time for the work is over. */
  readonly isTimeOver: () => boolean;
};
const unlimited: WorkLimits = { maxEvaluations: Infinity, maxRestartEvaluations: Infinity, isTimeOver: () => false };

/** A fit with a larger root mean square error of the volatilities is begun again from another point. */
const GOOD_VOLATILITY = 1e-3;
/** Below this error, as a volatility or as a share of the spot, the fit is as exact as the prices. */
const SMALL_RESIDUAL = 1e-11;

const modelAt = (point: Float64Array): HestonInputs =>
  Object.fromEntries(hestonNames.map((name, k) => [name, point[k]])) as Record<HestonName, number>;

const rootMeanSquare = (errors: readonly number[]): number =>
  Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / errors.length);

/** Multiplies an error of the price of each point, so that the mean of the squares is the weighted mean. */
const factorsOf = (points: readonly SurfacePoint[], { objective, spot }: CalibrationInputs): Float64Array => {
  const total = points.reduce((sum, { weight }) => sum + weight, 0);
  return Float64Array.from(points, ({ weight, vega, asset }) => {
    const unit = objective === 'price' ? asset / spot : 1 / vega;
    return unit * Math.sqrt((weight * points.length) / total);
  });
};

/**
 * Fits the parameters of Heston to quotes, in small steps: each calculates the price of one quote. A fit that is not good
 * is begun again from other points, and the best one is answered. At a limit of the work it is the best one so far.
 * @throws AppError `pricing_calculation_failed` if the prices converge at no start or a value of the answer is not finite, `pricing_work_too_large` if the limit was
 *   reached before the prices of one point were known
 */
export const calibrationSteps = function* (
  inputs: CalibrationInputs,
  { maxEvaluations, maxRestartEvaluations, isTimeOver }: WorkLimits = unlimited,
): Steps<Calibration> {
  const { spot, rate, dividendYield, quotes, guess, lower, upper, maxIterations } = inputs;
  const gradientOf = createHestonGradient();
  const buffer = new Float64Array(1 + hestonNames.length);
  const points = quotes.map((quote) => surfacePoint(quote, spot, rate, dividendYield));
  const factors = factorsOf(points, inputs);

  const residualsAt: Residuals = function* (point, residuals, columns) {
    const model = modelAt(point);
    for (let i = 0; i < points.length; i++) {
      const { x, time, market } = points[i]!;
      if (!gradientOf(x, time, model, buffer)) return 'not_finite';
      residuals[i] = factors[i]! * (buffer[0]! - market);
      if (!Number.isFinite(residuals[i]!)) return 'not_finite';
      for (let k = 0; k < columns.length; k++) columns[k]![i] = factors[i]! * buffer[k + 1]!;
      yield;
      if (isTimeOver()) return 'stopped';
    }
    return 'finite';
  };

  /** The quotes under the fitted model. */
  const fittedQuotes = (fit: LeastSquaresFit): FittedQuote[] =>
    points.map(({ x, time, asset, market, volatility }, i) => {
      const { strike, type, price } = quotes[i]!;
      const error = fit.residuals[i]! / factors[i]!;
      const fitted = volatilityOf(x, time, market + error);
      return {
        strike,
        time_to_expiry: time,
        option_type: type,
        market_price: price,
        model_price: price + asset * error,
        price_error: asset * error,
        market_volatility: volatility,
        model_volatility: fitted ?? null,
        volatility_error: fitted === undefined ? null : fitted - volatility,
      };
    });

  type Found = { readonly fit: LeastSquaresFit; readonly diagnostics: Diagnostics };
  const comparedOf = ({ fit: { sumOfSquares }, diagnostics: { converged } }: Found) => ({ sumOfSquares, converged });
  const isGood = ({ fit, diagnostics }: Found): boolean => {
    const errors = Array.from(points, ({ vega }, i) => fit.residuals[i]! / factors[i]! / vega);
    return diagnostics.converged && rootMeanSquare(errors) <= GOOD_VOLATILITY;
  };

  let best: Found | undefined;
  let [iterations, evaluations, starts] = [0, 0, 0];
  for (const start of startsOf(points, guess)) {
    starts += 1;
    const fit = yield* fitLeastSquares({
      residuals: residualsAt,
      count: points.length,
      start,
      lower,
      upper,
      maxIterations,
      maxEvaluations: maxEvaluations - evaluations,
      smallResidual: SMALL_RESIDUAL,
    });
    if (fit === undefined) {
      // The point of the start was calculated, at least in part.
      evaluations += 1;
      if (isTimeOver() || evaluations >= maxRestartEvaluations) break;
      continue;
    }
    iterations += fit.iterations;
    evaluations += fit.evaluations;
    const found = { fit, diagnostics: diagnose(fit, lower, upper) };
    if (best === undefined || isBetterFit(comparedOf(found), comparedOf(best))) best = found;
    if (isGood(found) || isTimeOver() || evaluations >= maxRestartEvaluations) break;
  }
  if (best === undefined && isTimeOver()) {
    throw new AppError(
      'pricing_work_too_large',
      'The prices of the quotes at one point took longer than a request may take: send fewer quotes, or narrower bounds',
    );
  }
  if (best === undefined) {
    throw new AppError(
      'pricing_calculation_failed',
      'not_converged: The prices of the quotes do not converge at any of the points where the fit begins: ' +
        'send an initial_guess, or remove quotes with extreme strikes or times',
    );
  }
  const fitted = fittedQuotes(best.fit);
  const volatilityErrors = fitted.map(({ volatility_error: error }) => error).filter((error) => error !== null);
  const calibration: Calibration = {
    heston: modelAt(best.fit.point),
    ...best.diagnostics,
    rmse_price: rootMeanSquare(fitted.map(({ price_error: error }) => error)),
    rmse_volatility: volatilityErrors.length === fitted.length ? rootMeanSquare(volatilityErrors) : null,
    iterations,
    evaluations,
    starts,
    quotes: fitted,
  };
  // The error of a quote with a negligible weight cannot be told from its share of the sum of squares.
  const pointer = nonFiniteIn(calibration);
  if (pointer === undefined) return calibration;
  throw new AppError(
    'pricing_calculation_failed',
    `not_finite: The fit gives no finite value of ${pointer}: send weights, strikes and times that are less extreme`,
  );
};
