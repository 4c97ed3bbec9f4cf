import { complexExponent } from './heston-exponent.ts';

/**
 * Values that `parameterExponent` writes: the exponent and its derivatives with respect to v0, kappa, theta, sigma and
 * rho, each as a real and an imaginary part.
 */
export const parameterExponentSize = 12;

/** Below this modulus of d time the formulas lose digits, because they divide by d. */
const MIN_ROOT = 1e-4;
/** Change of kappa time that moves d away from 0. Its effect on the derivatives is of the same relative size. */
const NUDGE = 2e-5;
/** Below this modulus of d time the derivative of the share is summed as a series. */
const SERIES_ROOT = 0.3;
const SERIES_ROOT_TERMS = 13;
/** Below this modulus of y the derivative of the logarithm is summed as a series. */
const SERIES_Y = 0.03;
const SERIES_Y_TERMS = 10;

/** Coefficients of (x exp(-x) - 1 + exp(-x)) / x^2. */
const shareSeries = Float64Array.from({ length: SERIES_ROOT_TERMS }, (_, n) => {
  let factorial = 1;
  for (let k = 2; k <= n + 2; k++) factorial *= k;
  return ((n % 2 === 0 ? -1 : 1) * (n + 1)) / factorial;
});
/** Coefficients of (y / (1 + y) - ln(1 + y)) / y^2. */
const logSeries = Float64Array.from({ length: SERIES_Y_TERMS }, (_, n) => ((n % 2 === 0 ? -1 : 1) * (n + 1)) / (n + 2));

/** Writes the sum of the series at the complex number re + i im to `out`. */
const sumSeries = (series: Float64Array, re: number, im: number, out: Float64Array): void => {
  let sumR = 0;
  let sumI = 0;
  for (let n = series.length - 1; n >= 0; n--) {
    const next = sumR * re - sumI * im + series[n]!;
    sumI = sumR * im + sumI * re;
    sumR = next;
  }
  out[0] = sumR;
  out[1] = sumI;
};

const sum = new Float64Array(2);

/**
 * ln E[exp(p X)] for p = re + i im and its derivatives with respect to the five parameters. The exponent is that of
 * `complexExponent`, in the same notation: b, d, c, share, y and a. The derivatives are analytic, as those of Y. Cui, S. del
 * Bano Rollin and G. Germano, "Full and fast calibration of the Heston stochastic volatility model", European Journal of
 * Operational Research 263 (2017), 625-638. They are taken with respect to b and to s = sigma^2, because in these the
 * differences that cancel for small sigma become products: dc/db = -c / d and dc/ds = c^2 / (2 d). Sigma must be at least
 * 1e-4. The parameters are positional because this function is the inner loop of a calibration.
 */
export const parameterExponent = (
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
  const s = sigma * sigma;
  const br = kappa - rho * sigma * re;
  const bi = -rho * sigma * im;
  // q = p (p - 1)
  const qr = re * (re - 1) - im * im;
  const qi = im * (2 * re - 1);
  const wr = br * br - bi * bi - s * qr;
  const wi = 2 * br * bi - s * qi;
  const modulus = Math.sqrt(wr * wr + wi * wi);
  let dr: number;
  let di: number;
  if (wr >= 0) {
    dr = Math.sqrt(0.5 * (modulus + wr));
    di = dr === 0 ? 0 : wi / (2 * dr);
  } else {
    di = Math.sqrt(0.5 * (modulus - wr));
    if (wi < 0) di = -di;
    dr = wi / (2 * di);
  }
  if (modulus * time * time < MIN_ROOT * MIN_ROOT) {
    parameterExponent(re, im, time, v0, kappa + NUDGE / time, theta, sigma, rho, out);
    // The value is exact, because the price must be.
    complexExponent(re, im, time, v0, kappa, theta, sigma, rho, out);
    return;
  }
  let cr: number;
  let ci: number;
  if (br * dr + bi * di >= 0) {
    const plusR = br + dr;
    const plusI = bi + di;
    const norm = plusR * plusR + plusI * plusI;
    cr = (qr * plusR + qi * plusI) / norm;
    ci = (qi * plusR - qr * plusI) / norm;
  } else {
    cr = (br - dr) / s;
    ci = (bi - di) / s;
  }
  // 1 / d, exp(-d time) and share = (1 - exp(-d time)) / (2 d)
  const norm = 1 / (dr * dr + di * di);
  const ir = dr * norm;
  const ii = -di * norm;
  const xr = dr * time;
  const xi = di * time;
  const decay = Math.exp(-xr);
  const er = decay * Math.cos(xi);
  const ei = -decay * Math.sin(xi);
  const shareR = 0.5 * ((1 - er) * ir + ei * ii);
  const shareI = 0.5 * ((1 - er) * ii - ei * ir);
  // Derivative of the share with respect to d: (time exp(-d time) - 2 share) / (2 d)
  let slopeR: number;
  let slopeI: number;
  if (modulus * time * time < SERIES_ROOT * SERIES_ROOT) {
    sumSeries(shareSeries, xr, xi, sum);
    slopeR = 0.5 * time * time * sum[0]!;
    slopeI = 0.5 * time * time * sum[1]!;
  } else {
    const nr = 0.5 * time * er - shareR;
    const ni = 0.5 * time * ei - shareI;
    slopeR = nr * ir - ni * ii;
    slopeI = nr * ii + ni * ir;
  }
  // w = c share, y = s w, and 1 / (1 + y)
  const cwR = cr * shareR - ci * shareI;
  const cwI = cr * shareI + ci * shareR;
  const yr = s * cwR;
  const yi = s * cwI;
  const vNorm = 1 / ((1 + yr) * (1 + yr) + yi * yi);
  const vr = (1 + yr) * vNorm;
  const vi = -yi * vNorm;
  // c / d
  const cdR = cr * ir - ci * ii;
  const cdI = cr * ii + ci * ir;
  // (dy/db) / s = (c / d)(b slope - share)
  const tr = br * slopeR - bi * slopeI - shareR;
  const ti = br * slopeI + bi * slopeR - shareI;
  const ybR = cdR * tr - cdI * ti;
  const ybI = cdR * ti + cdI * tr;
  // dw/ds = (c / (2 d))(w - q slope), and dy/ds = w + s dw/ds
  const qsR = qr * slopeR - qi * slopeI;
  const qsI = qr * slopeI + qi * slopeR;
  const wsR = 0.5 * (cdR * (cwR - qsR) - cdI * (cwI - qsI));
  const wsI = 0.5 * (cdR * (cwI - qsI) + cdI * (cwR - qsR));
  const ysR = cwR + s * wsR;
  const ysI = cwI + s * wsI;
  const logR = (0.5 * Math.log1p(yr * (2 + yr) + yi * yi)) / s;
  const logI = Math.atan2(yi, 1 + yr) / s;
  // k = c time - 2 ln(1 + y) / s, the factor of kappa theta
  const kR = cr * time - 2 * logR;
  const kI = ci * time - 2 * logI;
  // dk/db = -(c / d) time - 2 (dy/db) / (s (1 + y))
  const kbR = -cdR * time - 2 * (ybR * vr - ybI * vi);
  const kbI = -cdI * time - 2 * (ybR * vi + ybI * vr);
  // d(ln(1 + y) / s)/ds = (dw/ds) / (1 + y) + (y / (1 + y) - ln(1 + y)) / s^2
  let gR: number;
  let gI: number;
  if (yr * yr + yi * yi < SERIES_Y * SERIES_Y) {
    sumSeries(logSeries, yr, yi, sum);
    const w2R = cwR * cwR - cwI * cwI;
    const w2I = 2 * cwR * cwI;
    gR = w2R * sum[0]! - w2I * sum[1]!;
    gI = w2R * sum[1]! + w2I * sum[0]!;
  } else {
    gR = (cwR * vr - cwI * vi - logR) / s;
    gI = (cwR * vi + cwI * vr - logI) / s;
  }
  const ksR = 0.5 * time * (cr * cdR - ci * cdI) - 2 * (wsR * vr - wsI * vi + gR);
  const ksI = 0.5 * time * (cr * cdI + ci * cdR) - 2 * (wsR * vi + wsI * vr + gI);
  // a = q share / (1 + y), and its derivatives (q (d share) - a dy) / (1 + y)
  const nr = qr * shareR - qi * shareI;
  const ni = qr * shareI + qi * shareR;
  const ar = nr * vr - ni * vi;
  const ai = nr * vi + ni * vr;
  const bdR = br * ir - bi * ii;
  const bdI = br * ii + bi * ir;
  const abR = qsR * bdR - qsI * bdI - s * (ar * ybR - ai * ybI);
  const abI = qsR * bdI + qsI * bdR - s * (ar * ybI + ai * ybR);
  const qdR = -0.5 * (qr * ir - qi * ii);
  const qdI = -0.5 * (qr * ii + qi * ir);
  const asR = qsR * qdR - qsI * qdI - (ar * ysR - ai * ysI);
  const asI = qsR * qdI + qsI * qdR - (ar * ysI + ai * ysR);
  // The derivatives of the exponent with respect to b and s
  const level = kappa * theta;
  const eb = v0 * (abR * vr - abI * vi) + level * kbR;
  const ebI = v0 * (abR * vi + abI * vr) + level * kbI;
  const es = v0 * (asR * vr - asI * vi) + level * ksR;
  const esI = v0 * (asR * vi + asI * vr) + level * ksI;
  const pbR = re * eb - im * ebI;
  const pbI = re * ebI + im * eb;
  out[0] = v0 * ar + level * kR;
  out[1] = v0 * ai + level * kI;
  out[2] = ar;
  out[3] = ai;
  out[4] = theta * kR + eb;
  out[5] = theta * kI + ebI;
  out[6] = kappa * kR;
  out[7] = kappa * kI;
  out[8] = 2 * sigma * es - rho * pbR;
  out[9] = 2 * sigma * esI - rho * pbI;
  out[10] = -sigma * pbR;
  out[11] = -sigma * pbI;
};
