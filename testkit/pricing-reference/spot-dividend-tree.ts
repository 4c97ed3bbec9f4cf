/** An option whose spot falls by each dividend. Times are in years, ascending, and before the expiry. */
export type TreeOption = {
  readonly spot: number;
  readonly strike: number;
  readonly time: number;
  readonly rate: number;
  readonly volatility: number;
  readonly sign: number;
  readonly american: boolean;
  readonly dividends: readonly { readonly time: number; readonly amount: number }[];
};

/**
 * Price on the tree of M. Vellekoop and J. Nieuwenhuis, "Efficient pricing of derivatives on assets with discrete dividends",
 * Applied Mathematical Finance 13 (2006), 265-284: the nodes do not know the dividends, and at the step after a dividend
 * the values are interpolated at the lower spot.
 */
export const spotDividendTree = (option: TreeOption, steps: number): number => {
  const { spot, strike, time, rate, volatility, sign, american, dividends } = option;
  const dt = time / steps;
  const up = Math.exp(volatility * Math.sqrt(dt));
  const p = (Math.exp(rate * dt) - 1 / up) / (up - 1 / up);
  const discount = Math.exp(-rate * dt);
  const spotAt = (step: number, ups: number): number => spot * up ** (2 * ups - step);
  const payoff = (at: number): number => Math.max(sign * (at - strike), 0);
  let values = Array.from({ length: steps + 1 }, (_, ups) => payoff(spotAt(steps, ups)));
  for (let step = steps - 1; step >= 0; step--) {
    values = Array.from({ length: step + 1 }, (_, ups) => discount * (p * values[ups + 1]! + (1 - p) * values[ups]!));
    let paid = 0;
    for (const { time: at, amount } of dividends) if (at > step * dt && at <= (step + 1) * dt) paid += amount;
    if (paid > 0) {
      const before = values;
      values = before.map((_, ups) => {
        const lower = Math.max(spotAt(step, ups) - paid, 0);
        const at = lower > 0 ? Math.log(lower / spotAt(step, 0)) / (2 * Math.log(up)) : -1;
        if (at < 0) {
          // Below the lowest node the value is linear down to the value at a spot of 0.
          const atZero = sign > 0 ? 0 : american ? strike : strike * Math.exp(-rate * (time - step * dt));
          return atZero + ((before[0]! - atZero) * lower) / spotAt(step, 0);
        }
        const low = Math.min(Math.floor(at), before.length - 2);
        const [here, above] = [spotAt(step, low), spotAt(step, low + 1)];
        return step === 0
          ? before[0]!
          : before[low]! + ((before[low + 1]! - before[low]!) * (lower - here)) / (above - here);
      });
    }
    if (american) values = values.map((value, ups) => Math.max(value, sign * (spotAt(step, ups) - strike)));
  }
  return values[0]!;
};
