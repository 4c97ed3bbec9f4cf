import { minimise } from './nelder-mead.ts';

export type Garch = {
  readonly omega: number;
  readonly alpha: number;
  readonly beta: number;
  /** Variance of each return from those before it, and of the next. */
  readonly variances: Float64Array;
  readonly iterations: number;
  readonly converged: boolean;
};

const mostIterations = 500;
/** Persistence alpha + beta stays below, so that the long-run variance exists. */
const LARGEST_PERSISTENCE = 0.9999;

/** Sum of ln variance + return^2 / variance, twice the negative Gaussian log-likelihood but for its constant. */
export const deviance = (returns: Float64Array, variances: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < returns.length; i++) sum += Math.log(variances[i]!) + returns[i]! ** 2 / variances[i]!;
  return sum;
};

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
const logit = (p: number): number => Math.log(p / (1 - p));

/**
 * GARCH(1,1) of T. Bollerslev, J. Econometrics 31 (1986), 307-327, by Gaussian maximum likelihood with variance targeting
 * (R. Engle and J. Mezrich, Risk 8 (1995), 30-34): the long-run variance is that of the sample, persistence and
 * alpha's share of it are free. Returns are about their mean.
 */
export const fitGarch = (returns: Float64Array): Garch => {
  const target = returns.reduce((sum, value) => sum + value * value, 0) / returns.length;
  const variances = new Float64Array(returns.length + 1);
  const parametersAt = ([x, y]: readonly number[]) => {
    const persistence = LARGEST_PERSISTENCE * logistic(x!);
    const alpha = persistence * logistic(y!);
    return { omega: target * (1 - persistence), alpha, beta: persistence - alpha };
  };
  const fill = ({ omega, alpha, beta }: ReturnType<typeof parametersAt>): void => {
    variances[0] = target;
    for (let i = 0; i < returns.length; i++) variances[i + 1] = omega + alpha * returns[i]! ** 2 + beta * variances[i]!;
  };
  const cost = (point: readonly number[]): number => {
    fill(parametersAt(point));
    const value = deviance(returns, variances);
    return Number.isFinite(value) ? value / returns.length : Number.MAX_VALUE;
  };
  const start = [logit(0.97), logit(0.08)];
  const { at, iterations, converged } = minimise(cost, start, 0.5, mostIterations);
  const parameters = parametersAt(at);
  fill(parameters);
  return { ...parameters, variances, iterations, converged };
};
