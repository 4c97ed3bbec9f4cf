import { gaussLegendre } from '../../math/gauss-legendre.ts';
import type { TermState } from './level-terms.ts';
import * as term from './term-sums.ts';

const NODES = 16;
const { nodes, weights } = gaussLegendre(NODES);
const ROOT_TWO_OVER_PI = Math.sqrt(2 / Math.PI);
/** exp(-RANGE / 2) is below the rounding error. */
const RANGE = 84;
/** Max width of a panel for the factor exp(-y^2 / 2), and max growth of the exponent of the other factor in a panel. */
const MAX_WIDTH = 1.5;
const MAX_GROWTH = 8;

/**
 * Writes to `moments[k]` sqrt(2 / pi) times the integral of y^(-2 k) exp(power - (y^2 + ratio / y^2) / 2) from `from` to infinity.
 * The power is inside, because exp(power) alone can be infinite. The panels of a Gauss-Legendre rule grow in proportion to y.
 */
const writeMoments = (from: number, ratio: number, power: number, moments: Float64Array): void => {
  moments.fill(0);
  const end = Math.sqrt(from * from + RANGE);
  let low = from;
  while (low < end) {
    const width = Math.min(low / (1 + Math.abs(ratio) / (low * low * MAX_GROWTH)), MAX_WIDTH, end - low);
    if (!(low + width > low)) return;
    for (let j = 0; j < NODES; j++) {
      const y = low + width * nodes[j]!;
      const inverse = 1 / (y * y);
      let part = ROOT_TWO_OVER_PI * width * weights[j]! * Math.exp(power - 0.5 * (y * y + ratio * inverse));
      for (let k = 0; k < moments.length; k++) {
        moments[k]! += part;
        part *= inverse;
      }
    }
    low += width;
  }
};

/**
 * Adds a rebate that is paid at the barrier, rebate J(u, ratio), with J the integral of `writeMoments` from
 * u = |distance| / deviation. `square` is drift^2 + 2 rate variance, of any sign, and ratio = square distance^2 / variance^2. J is
 * the distribution of the time t at which the barrier is touched, written in y = |distance| / (volatility sqrt(t)).
 */
export const addHitIntegral = (state: TermState, rebate: number, square: number): void => {
  const { sums, market, greeks } = state;
  const { distance: h, deviation, carry, volatility, rate, time } = market;
  const variance = volatility * volatility;
  const drift = carry - 0.5 * variance;
  const u = Math.abs(h) / deviation;
  const hPerVariance = h / variance;
  const ratio = square * hPerVariance * hPerVariance;
  const J = state.moments;
  const power = drift * hPerVariance;
  writeMoments(u, ratio, power, J);
  sums[term.VALUE]! += rebate * J[0]!;
  // Far from the barrier all derivatives are 0, and their factors can be infinite.
  if (!greeks || J[0] === 0) return;
  // Derivatives of J by u and by the ratio c.
  const g = ROOT_TWO_OVER_PI * Math.exp(power - 0.5 * (u * u + (square * time) / variance));
  const inverse = 1 / (u * u);
  const a = u - (ratio * inverse) / u;
  const ju = -g;
  const jc = -0.5 * J[1]!;
  const juu = g * a;
  const juc = 0.5 * g * inverse;
  const jcc = 0.25 * J[2]!;
  const juuu = g * (1 + 3 * ratio * inverse * inverse - a * a);
  const juuc = -g * inverse * (0.5 * a + 1 / u);
  const jucc = -0.25 * g * inverse * inverse;
  const jccc = -0.125 * J[3]!;
  // Derivatives of p, u and c by x (the log of the spot), by the volatility v, the rate and the yield.
  const px = -drift / variance;
  const ux = -Math.sign(h) / deviation;
  const cx = (-2 * square * h) / (variance * variance);
  const cxx = (2 * square) / (variance * variance);
  const pv = (-2 * carry * hPerVariance) / volatility;
  const pvv = (6 * carry * hPerVariance) / variance;
  const pxv = (2 * carry) / (variance * volatility);
  const uv = -u / volatility;
  const uvv = (2 * u) / variance;
  const uxv = -ux / volatility;
  const squareV = 2 * volatility * (2 * rate - drift);
  const squareVV = 2 * (variance - drift + 2 * rate);
  const h2 = hPerVariance * hPerVariance;
  const cv = h2 * (squareV - (4 * square) / volatility);
  const cvv = h2 * (squareVV - (8 * squareV) / volatility + (20 * square) / variance);
  const cxv = (-2 * cv) / h;
  const jx = ju * ux + jc * cx;
  const jxx = juu * ux * ux + 2 * juc * ux * cx + jcc * cx * cx + jc * cxx;
  const jxxx =
    juuu * ux * ux * ux +
    3 * juuc * ux * ux * cx +
    3 * jucc * ux * cx * cx +
    jccc * cx * cx * cx +
    3 * (juc * ux + jcc * cx) * cxx;
  const jv = ju * uv + jc * cv;
  const jvv = juu * uv * uv + 2 * juc * uv * cv + jcc * cv * cv + ju * uvv + jc * cvv;
  const jxv = juu * ux * uv + juc * (ux * cv + uv * cx) + jcc * cx * cv + ju * uxv + jc * cxv;
  const fx = px * J[0]! + jx;
  const fxx = px * px * J[0]! + 2 * px * jx + jxx;
  const fxxx = px * px * px * J[0]! + 3 * px * px * jx + 3 * px * jxx + jxxx;
  sums[term.BY_SPOT]! += rebate * fx;
  sums[term.BY_SPOT_2]! += rebate * (fxx - fx);
  sums[term.BY_SPOT_3]! += rebate * (fxxx - 3 * fxx + 2 * fx);
  sums[term.BY_VOLATILITY]! += rebate * (pv * J[0]! + jv);
  sums[term.BY_VOLATILITY_2]! += rebate * ((pv * pv + pvv) * J[0]! + 2 * pv * jv + jvv);
  sums[term.BY_SPOT_VOLATILITY]! += rebate * ((px * pv + pxv) * J[0]! + px * jv + pv * jx + jxv);
  sums[term.BY_RATE]! += rebate * (hPerVariance * J[0]! + jc * h2 * 2 * (drift + variance));
  sums[term.BY_YIELD]! -= rebate * (hPerVariance * J[0]! + jc * h2 * 2 * drift);
};
