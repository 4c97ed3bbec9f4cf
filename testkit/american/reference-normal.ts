/**
 * exp(x^2 / 2) times the probability that a standard normal variable is above x, for x >= 0: the power series of the
 * normal distribution below 3, Laplace's continued fraction above.
 */
const scaledTail = (x: number): number => {
  if (x < 3) {
    // N(x) - 1/2 = phi(x) (x + x^3 / 3 + x^5 / 15 + ...), with positive terms only.
    let term = x;
    let sum = x;
    for (let n = 1; term > 1e-18 * sum; n++) {
      term *= (x * x) / (2 * n + 1);
      sum += term;
    }
    return 0.5 * Math.exp(0.5 * x * x) - sum / Math.sqrt(2 * Math.PI);
  }
  let fraction = x;
  for (let n = 60; n >= 1; n--) fraction = x + n / fraction;
  return 1 / (fraction * Math.sqrt(2 * Math.PI));
};

/** exp(logFactor) times the probability that a standard normal variable is above x. */
export const scaledProbability = (logFactor: number, x: number): number =>
  x >= 0
    ? scaledTail(x) * Math.exp(logFactor - 0.5 * x * x)
    : Math.exp(logFactor) - scaledTail(-x) * Math.exp(logFactor - 0.5 * x * x);
