import { minimise } from './nelder-mead.ts';

export type Garch = {
  readonly mean: number;
  readonly omega: number;
  readonly alpha: number;
  readonly beta: number;
  /** Returns less the mean. */
  readonly residuals: Float64Array;
  /** Element i is the variance of return i from the returns before it; the last element is that of the next return. */
  readonly variances: Float64Array;
  readonly iterations: number;
  /** False if the search did not end, or if it ended at a bound of the parameters. */
  readonly converged: boolean;
};

/** The search ends after this number of iterations, converged or not. */
export const maxIterations = 1000;
/** The persistence alpha + beta must be below 1, because the long-run variance does not exist otherwise. */
const MAX_PERSISTENCE = 0.9999;
/** A parameter this close to its bound is at the bound: the maximum of the likelihood lies there or beyond it. */
const boundTolerance = 1e-6;

const isAtBound = ({ alpha, beta }: Pick<Garch, 'alpha' | 'beta'>): boolean =>
  alpha < boundTolerance || beta < boundTolerance || alpha + beta > MAX_PERSISTENCE - boundTolerance;

/** Sum of ln variance + return^2 / variance: twice the negative Gaussian log-likelihood without its constant. */
export const deviance = (returns: Float64Array, variances: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < returns.length; i++) sum += Math.log(variances[i]!) + returns[i]! ** 2 / variances[i]!;
  return sum;
};

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
const logit = (p: number): number => Math.log(p / (1 - p));

/**
 * Fits the GARCH(1,1) model of T. Bollerslev, J. Econometrics 31 (1986), 307-327, by Gaussian maximum likelihood. The
 * parameters of the search are the mean, the long-run variance, the persistence, and the share of alpha in the
 * persistence. The search starts at the mean and the variance of the sample.
 */
export const fitGarch = (returns: Float64Array): Garch => {
  const n = returns.length;
  const sampleMean = returns.reduce((sum, value) => sum + value, 0) / n;
  const sampleVariance = returns.reduce((sum, value) => sum + (value - sampleMean) ** 2, 0) / n;
  const variances = new Float64Array(n + 1);
  const residuals = new Float64Array(n);
  const parametersAt = ([p, share, level, shift]: readonly number[]) => {
    const persistence = MAX_PERSISTENCE * logistic(p!);
    const alpha = persistence * logistic(share!);
    const mean = sampleMean + shift! * Math.sqrt(sampleVariance / n);
    return { mean, omega: sampleVariance * Math.exp(level!) * (1 - persistence), alpha, beta: persistence - alpha };
  };
  const fill = ({ mean, omega, alpha, beta }: ReturnType<typeof parametersAt>): void => {
    variances[0] = sampleVariance;
    for (let i = 0; i < n; i++) {
      const residual = returns[i]! - mean;
      residuals[i] = residual;
      variances[i + 1] = omega + alpha * residual * residual + beta * variances[i]!;
    }
  };
  const cost = (point: readonly number[]): number => {
    fill(parametersAt(point));
    const value = deviance(residuals, variances);
    return Number.isFinite(value) ? value / n : Number.MAX_VALUE;
  };
  const { at, iterations, converged } = minimise(cost, [logit(0.97), logit(0.08), 0, 0], 0.5, maxIterations);
  const parameters = parametersAt(at);
  fill(parameters);
  return { ...parameters, residuals, variances, iterations, converged: converged && !isAtBound(parameters) };
};
