import { logRatio } from '../../math/log-ratio.ts';
import { addPayment, beginOption, createTermState, isPathKnown, writeSums } from './level-terms.ts';
import { VALUE } from './term-sums.ts';

/** What a digital option pays if it ends in the money: one unit of the asset, or an amount of cash. */
export type DigitalPayoff = 'asset' | 'cash';

/**
 * Writes the price to `out`, and the greeks if `greeks`, in the order of `outputNames`. Rate, yield and volatility are per year,
 * the time is in years, `sign` is +1 for a call and -1 for a put. `cash` is the amount that is paid.
 */
export type DigitalKernel = (
  spot: number,
  strike: number,
  time: number,
  rate: number,
  dividendYield: number,
  volatility: number,
  sign: number,
  cash: number,
  greeks: boolean,
  out: Float64Array,
) => void;

/** At the money the greeks have no limit. A call pays above the strike only, so that a call and a put pay once. */
const writeKnown = (
  payoff: DigitalPayoff,
  x: number,
  sign: number,
  time: number,
  rate: number,
  dividendYield: number,
  paid: number,
  spot: number,
  out: Float64Array,
): void => {
  const isPaid = sign > 0 ? x > 0 : x <= 0;
  out.fill(x === 0 ? Number.NaN : 0);
  out[0] = isPaid ? paid : 0;
  if (!isPaid || x === 0) return;
  if (payoff === 'cash') {
    out[4] = rate * paid;
    out[5] = -time * paid;
    return;
  }
  out[1] = paid / spot;
  out[4] = dividendYield * paid;
  out[6] = -time * paid;
  out[9] = (dividendYield * paid) / spot;
};

/**
 * Digital options of M. Rubinstein and E. Reiner, "Unscrambling the binary code", Risk 4 (1991), 75-83; E. G. Haug, "The Complete
 * Guide to Option Pricing Formulas", 2nd ed. (2007), section 4.19. The kernel reuses its buffers, so calls must not overlap.
 */
export const createDigital = (payoff: DigitalPayoff): DigitalKernel => {
  const state = createTermState();
  return (spot, strike, time, rate, dividendYield, volatility, sign, cash, greeks, out) => {
    beginOption(state, spot, strike, time, rate, dividendYield, volatility, strike);
    const { asset, discount } = state.market;
    if (isPathKnown(time, volatility)) {
      const x = logRatio(spot, strike) + (rate - dividendYield) * time;
      const paid = payoff === 'asset' ? asset : cash * discount;
      writeKnown(payoff, x, sign, time, rate, dividendYield, paid, spot, out);
      return;
    }
    state.greeks = greeks;
    addPayment(state, true, payoff === 'asset' ? sign : 0, payoff === 'asset' ? 0 : sign * cash, sign, false);
    if (greeks) writeSums(state.sums, state.market, out);
    else out[0] = state.sums[VALUE]!;
  };
};
