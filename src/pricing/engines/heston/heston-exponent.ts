import type { HestonInputs } from '../../models/engine.ts';

/** For a smaller sigma the variance is deterministic, because the effect of sigma on the price is below rounding. */
const MIN_SIGMA = 1e-8;

/**
 * ln E[exp(p X)] with X = ln(spot at expiry / forward), for real p; `time` is in years. The result is +Infinity if the
 * moment does not exist. The value is the solution of the Riccati equation in its trigonometric or hyperbolic form. The
 * condition for existence is that of L. Andersen and V. Piterbarg, "Moment explosions in stochastic volatility models",
 * Finance and Stochastics 11 (2007), 29-50.
 */
export const realExponent = (p: number, time: number, model: HestonInputs): number => {
  const { v0, kappa, theta, rho } = model;
  const sigma = Math.max(model.sigma, MIN_SIGMA);
  const b = kappa - rho * sigma * p;
  const product = p * (p - 1);
  const square = b * b - sigma * sigma * product;
  let ratio: number;
  let log: number;
  if (square >= 0) {
    const d = Math.sqrt(square);
    const decay = Math.exp(-d * time);
    // cosh + (b / d) sinh of d time / 2, without the factor exp(d time / 2).
    const sinh = d * time < 1e-9 ? 0.5 * time : (1 - decay) / (2 * d);
    const value = 0.5 * (1 + decay) + b * sinh;
    if (!(value > 0)) return Infinity;
    ratio = (product * sinh) / value;
    log = 0.5 * d * time + Math.log(value);
  } else {
    const w = Math.sqrt(-square);
    if (0.5 * w * time >= Math.atan2(w, -b)) return Infinity;
    const sine = Math.sin(0.5 * w * time) / w;
    const value = Math.cos(0.5 * w * time) + b * sine;
    ratio = (product * sine) / value;
    log = Math.log(value);
  }
  return v0 * ratio + ((kappa * theta) / (sigma * sigma)) * (b * time - 2 * log);
};

/**
 * ln E[exp(p X)] for complex p = re + i im. Writes four numbers to `out`: the real and the imaginary part, then the
 * real and the imaginary part of the derivative with respect to v0. The formula is the form without branch cuts of
 * H. Albrecher, P. Mayer, W. Schoutens and J. Tistaert, "The little Heston trap", Wilmott (January 2007), 83-92.
 * Differences that cancel for small sigma are replaced by analytic expressions. The parameters are positional because
 * this function is the inner loop of a price.
 */
export const complexExponent = (
  re: number,
  im: number,
  time: number,
  v0: number,
  kappa: number,
  theta: number,
  sigma: number,
  rho: number,
  out: Float64Array,
): void => {
  const deterministic = sigma < MIN_SIGMA;
  const s = deterministic ? 0 : sigma;
  const variance = s * s;
  const br = kappa - rho * s * re;
  const bi = -rho * s * im;
  // p (p - 1)
  const pr = re * (re - 1) - im * im;
  const pi = im * (2 * re - 1);
  // d = sqrt(b^2 - sigma^2 p (p - 1)): the root with a positive real part.
  const qr = br * br - bi * bi - variance * pr;
  const qi = 2 * br * bi - variance * pi;
  const modulus = Math.sqrt(qr * qr + qi * qi);
  let dr: number;
  let di: number;
  if (qr >= 0) {
    dr = Math.sqrt(0.5 * (modulus + qr));
    di = dr === 0 ? 0 : qi / (2 * dr);
  } else {
    di = Math.sqrt(0.5 * (modulus - qr));
    if (qi < 0) di = -di;
    dr = qi / (2 * di);
  }
  // c = (b - d) / sigma^2 = p (p - 1) / (b + d): the form whose sum or difference does not cancel.
  let cr: number;
  let ci: number;
  if (br * dr + bi * di >= 0 || variance === 0) {
    const plusR = br + dr;
    const plusI = bi + di;
    const norm = plusR * plusR + plusI * plusI;
    cr = norm === 0 ? 0 : (pr * plusR + pi * plusI) / norm;
    ci = norm === 0 ? 0 : (pi * plusR - pr * plusI) / norm;
  } else {
    cr = (br - dr) / variance;
    ci = (bi - di) / variance;
  }
  // share = (1 - exp(-d time)) / (2 d)
  let shareR: number;
  let shareI: number;
  const xr = dr * time;
  const xi = di * time;
  if (xr * xr + xi * xi < 1e-12) {
    shareR = 0.5 * time * (1 - 0.5 * xr);
    shareI = -0.25 * time * xi;
  } else {
    const decay = Math.exp(-xr);
    const er = 1 - decay * Math.cos(xi);
    const ei = decay * Math.sin(xi);
    const norm = 0.5 / (dr * dr + di * di);
    shareR = (er * dr + ei * di) * norm;
    shareI = (ei * dr - er * di) * norm;
  }
  // y = sigma^2 c share; the logarithm of the trap-free form is ln(1 + y).
  const wr = cr * shareR - ci * shareI;
  const wi = cr * shareI + ci * shareR;
  const yr = variance * wr;
  const yi = variance * wi;
  const logR = deterministic ? wr : (0.5 * Math.log1p(yr * (2 + yr) + yi * yi)) / variance;
  const logI = deterministic ? wi : Math.atan2(yi, 1 + yr) / variance;
  // a = p (p - 1) share / (1 + y)
  const norm = (1 + yr) * (1 + yr) + yi * yi;
  const nr = pr * shareR - pi * shareI;
  const ni = pr * shareI + pi * shareR;
  const ar = (nr * (1 + yr) + ni * yi) / norm;
  const ai = (ni * (1 + yr) - nr * yi) / norm;
  out[0] = v0 * ar + kappa * theta * (cr * time - 2 * logR);
  out[1] = v0 * ai + kappa * theta * (ci * time - 2 * logI);
  out[2] = ar;
  out[3] = ai;
};
