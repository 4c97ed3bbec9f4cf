/* oxlint-disable no-loss-of-precision -- the coefficients are written as published */
/**
 * ln Gamma(x) for x > 0: C. Lanczos, SIAM J. Numerical Analysis B 1 (1964), 86-96, in the form of "Numerical Recipes".
 */
const logGamma = (x: number): number => {
  const coefficients = [
    76.18009172947146, -86.50532032941677, 24.01409824083091, -1.231739572450155, 0.1208650973866179e-2,
    -0.5395239384953e-5,
  ];
  const shifted = x + 5.5;
  const series = coefficients.reduce((sum, c, k) => sum + c / (x + 1 + k), 1.000000000190015);
  return (x + 0.5) * Math.log(shifted) - shifted + Math.log((2.5066282746310005 * series) / x);
};

/** Upper tail of the chi-square distribution, by the series or continued fraction of the incomplete gamma function. */
export const chiSquareTail = (value: number, degrees: number): number => {
  const a = degrees / 2;
  const x = value / 2;
  if (x <= 0) return 1;
  const scale = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; n < 1000 && term > 1e-16 * sum; n++) sum += term *= x / (a + n);
    return 1 - sum * scale;
  }
  let b = x + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let h = d;
  for (let n = 1; n < 1000; n++) {
    const an = n * (a - n);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    h *= d * c;
    if (Math.abs(d * c - 1) < 1e-15) break;
  }
  return scale * h;
};

export type LjungBox = { readonly lags: number; readonly statistic: number; readonly p_value: number };

/**
 * Test for autocorrelation in a series over `lags` lags: G. M. Ljung and G. E. P. Box, Biometrika 65 (1978), 297-303.
 * The number of `fitted` parameters reduces the degrees of freedom.
 */
export const ljungBox = (series: Float64Array, lags: number, fitted: number): LjungBox => {
  const n = series.length;
  const mean = series.reduce((sum, value) => sum + value, 0) / n;
  const total = series.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  let statistic = 0;
  for (let lag = 1; lag <= lags; lag++) {
    let product = 0;
    for (let i = lag; i < n; i++) product += (series[i]! - mean) * (series[i - lag]! - mean);
    statistic += (product / total) ** 2 / (n - lag);
  }
  statistic *= n * (n + 2);
  return { lags, statistic, p_value: chiSquareTail(statistic, Math.max(lags - fitted, 1)) };
};
