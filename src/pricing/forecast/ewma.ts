/**
 * Default decay of ewma for one period of the closes, whatever its length. It is that of the daily RiskMetrics model, whose
 * monthly one has 0.97: J.P. Morgan, "RiskMetrics - Technical Document", 4th ed. (1996), chapter 5.
 */
export const riskMetricsDecay = 0.94;

/**
 * Exponentially weighted variances of returns with mean zero. Element i is the variance of return i from the returns
 * before it; the last element is the variance of the next return. The first is the variance of the sample.
 */
export const ewmaVariances = (returns: Float64Array, decay: number): Float64Array => {
  const variances = new Float64Array(returns.length + 1);
  variances[0] = returns.reduce((sum, value) => sum + value * value, 0) / returns.length;
  for (let i = 0; i < returns.length; i++) variances[i + 1] = decay * variances[i]! + (1 - decay) * returns[i]! ** 2;
  return variances;
};
