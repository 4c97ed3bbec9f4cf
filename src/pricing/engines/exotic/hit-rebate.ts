import { exp } from '../../math/exp.ts';
import { logRatio } from '../../math/log-ratio.ts';
import { mills } from '../../math/normal-fast.ts';
import { addHitIntegral } from './hit-integral.ts';
import { commonDensity, type TermState } from './level-terms.ts';
import * as term from './term-sums.ts';

/**
 * Below this value of (drift^2 + 2 rate volatility^2) time / volatility^2 the derivatives of the two closed terms cancel too
 * much. For a negative value the terms are complex.
 */
const MIN_CLOSED = 0.01;

/**
 * Adds the value of a rebate that is paid when the spot touches the barrier, by the terms E. Reiner and M. Rubinstein (1991) call
 * the first passage: rebate exp(-rate t) over the distribution of the time t at which the barrier is touched. `direction` is +1
 * for a barrier below the spot, -1 above.
 */
export const addHitRebate = (state: TermState, rebate: number, direction: number): void => {
  const { market, greeks } = state;
  const variance = market.volatility * market.volatility;
  const drift = market.carry - 0.5 * variance;
  const square = drift * drift + 2 * market.rate * variance;
  if (square < 0 || (greeks && square * market.time < MIN_CLOSED * variance)) {
    addHitIntegral(state, rebate, square);
  } else addClosed(state, rebate, direction, drift, Math.sqrt(square));
};

/** Adds both closed terms, rebate exp(distance (drift +- speed) / variance) N(direction (distance +- speed time) / deviation). */
const addClosed = (state: TermState, rebate: number, direction: number, drift: number, speed: number): void => {
  const { sums, by, market, greeks } = state;
  const { distance, deviation, time, carry, volatility, rate, barrier, root } = market;
  const variance = volatility * volatility;
  const centre = (logRatio(market.spot, barrier) + carry * time) / deviation;
  const common =
    (rebate * commonDensity(market, barrier, centre + 0.5 * deviation, centre - 0.5 * deviation)) / barrier;
  const perVolatility = 1 / volatility;
  const rootPerVolatility = root * perVolatility;
  const speedByVolatility = (2 * rate - drift) * (volatility / speed);
  const speedByVolatility2 = (variance - drift + 2 * rate - speedByVolatility * speedByVolatility) / speed;
  for (let sign = 1; sign >= -1; sign -= 2) {
    const u = drift + sign * speed;
    const z = (distance + sign * speed * time) / deviation;
    const tail = common * mills(Math.abs(z));
    const value = direction * z < 0 ? tail : rebate * exp((distance * u) / variance) - tail;
    sums[term.VALUE]! += value;
    if (!greeks) continue;
    const uByVolatility = sign * speedByVolatility - volatility;
    const uByVolatility2 = sign * speedByVolatility2 - 1;
    const slope = (uByVolatility - 2 * u * perVolatility) / variance;
    by[term.P_X] = -u / variance;
    by[term.P_V] = distance * slope;
    by[term.P_XV] = -slope;
    by[term.P_VV] =
      (distance * (uByVolatility2 - 4 * uByVolatility * perVolatility + 6 * u * perVolatility * perVolatility)) /
      variance;
    by[term.P_R] = (distance * (1 + (sign * (drift + variance)) / speed)) / variance;
    by[term.P_Q] = (-distance * (1 + (sign * drift) / speed)) / variance;
    by[term.P_K] = 0;
    const zBySpeed = sign * rootPerVolatility;
    by[term.Z_X] = -1 / deviation;
    by[term.Z_V] = zBySpeed * speedByVolatility - z * perVolatility;
    by[term.Z_XV] = perVolatility / deviation;
    by[term.Z_VV] =
      zBySpeed * (speedByVolatility2 - 2 * speedByVolatility * perVolatility) + 2 * z * perVolatility * perVolatility;
    by[term.Z_R] = (zBySpeed * (drift + variance)) / speed;
    by[term.Z_Q] = (-zBySpeed * drift) / speed;
    by[term.Z_K] = 0;
    term.addTerm(sums, value, direction * common, z, by);
  }
};
