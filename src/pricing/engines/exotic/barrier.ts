import { logRatio } from '../../math/log-ratio.ts';
import { blackScholesEvaluate } from '../european/black-scholes.ts';
import type { BarrierType } from './barrier-types.ts';
import { addHitRebate } from './hit-rebate.ts';
import { writeKnownPath } from './known-path.ts';
import { addPayment, beginOption, createTermState, isPathKnown, writeSums, type TermState } from './level-terms.ts';
import { VALUE } from './term-sums.ts';

/**
 * Writes the price to `out`, and the greeks if `greeks`, in the order of `outputNames`. Rate, yield and volatility are per year,
 * the time is in years, `sign` is +1 for a call and -1 for a put.
 */
export type BarrierKernel = (
  spot: number,
  strike: number,
  time: number,
  rate: number,
  dividendYield: number,
  volatility: number,
  sign: number,
  barrier: number,
  rebate: number,
  type: BarrierType,
  greeks: boolean,
  out: Float64Array,
) => void;

/** Adds the payoff of the vanilla option where the spot ends above `low` or below `high`: `strike`, `barrier` or no limit. */
const addPayoff = (
  state: TermState,
  sign: number,
  weight: number,
  low: boolean | undefined,
  high: boolean | undefined,
  side: number,
  isReflected: boolean,
): void => {
  const assets = sign * weight;
  const cash = -assets * state.market.strike;
  if (low !== undefined) addPayment(state, low, assets, cash, side, isReflected);
  if (high !== undefined) addPayment(state, high, -assets, -cash, side, isReflected);
};

/**
 * Adds the payoff of the paths that end on the side of the barrier where the spot starts: plain and with `weight`, or reflected.
 * Limits are true for the strike and false for the barrier.
 */
const addInside = (state: TermState, sign: number, direction: number, weight: number, isReflected: boolean): void => {
  const { strike, barrier } = state.market;
  if (direction > 0) {
    if (sign > 0) addPayoff(state, sign, weight, strike >= barrier, undefined, 1, isReflected);
    else if (strike > barrier) addPayoff(state, sign, weight, false, true, sideOf(state, 1, isReflected), isReflected);
  } else if (sign < 0) addPayoff(state, sign, weight, undefined, strike <= barrier, -1, isReflected);
  else if (strike < barrier) addPayoff(state, sign, weight, true, false, sideOf(state, -1, isReflected), isReflected);
};

/** Adds the payoff of the paths that end beyond the barrier. All of them have touched it. */
const addBeyond = (state: TermState, sign: number, direction: number): void => {
  const { strike, barrier } = state.market;
  if (direction > 0) {
    if (sign < 0) addPayoff(state, sign, 1, undefined, strike <= barrier, -1, false);
    else if (strike < barrier) addPayoff(state, sign, 1, true, false, sideOf(state, 1, false), false);
  } else if (sign > 0) addPayoff(state, sign, 1, strike >= barrier, undefined, 1, false);
  else if (strike > barrier) addPayoff(state, sign, 1, false, true, sideOf(state, -1, false), false);
};

/**
 * Of a payoff between two levels both probabilities are of the same side: the side with the smaller ones, or for reflected paths
 * the one where they stay below 1.
 */
const sideOf = ({ market }: TermState, direction: number, isReflected: boolean): number => {
  if (isReflected) return direction;
  return logRatio(market.spot, market.strike) + market.carry * market.time > 0 ? -1 : 1;
};

/**
 * European options with one barrier that is observed at all times: E. Reiner and M. Rubinstein, "Breaking down the barriers", Risk 4
 * (1991), 28-35; E. G. Haug, "The Complete Guide to Option Pricing Formulas", 2nd ed. (2007), section 4.17. The rebate of a
 * knock-out option is paid when the barrier is touched, that of a knock-in option at expiry if it was not touched. A spot on
 * or beyond the barrier has touched it. The kernel reuses its buffers, so calls must not overlap.
 */
export const createBarrier = (): BarrierKernel => {
  const state = createTermState();
  return (spot, strike, time, rate, dividendYield, volatility, sign, barrier, rebate, type, greeks, out) => {
    const direction = type === 'down_in' || type === 'down_out' ? 1 : -1;
    const isKnockIn = type === 'down_in' || type === 'up_in';
    if (direction * (spot - barrier) <= 0) {
      if (isKnockIn) blackScholesEvaluate(spot, strike, time, rate, dividendYield, volatility, sign, out);
      else {
        out.fill(0);
        out[0] = rebate;
      }
      return;
    }
    beginOption(state, spot, strike, time, rate, dividendYield, volatility, barrier);
    if (isPathKnown(time, volatility)) {
      writeKnownPath(state.market, sign, direction, isKnockIn, rebate, out);
      return;
    }
    state.greeks = greeks;
    if (isKnockIn) {
      addBeyond(state, sign, direction);
      addInside(state, sign, direction, 1, true);
      if (rebate > 0) {
        addPayment(state, false, 0, direction * rebate, direction, false);
        addPayment(state, false, 0, -direction * rebate, direction, true);
      }
    } else {
      addInside(state, sign, direction, 1, false);
      addInside(state, sign, direction, -1, true);
      if (rebate > 0) addHitRebate(state, rebate, direction);
    }
    if (greeks) writeSums(state.sums, state.market, out);
    else out[0] = state.sums[VALUE]!;
  };
};
