import type { DividendPayment, HestonInputs, Option } from '../models/engine.ts';
import { isInRange, type NumberInput } from '../models/inputs.ts';
import type { Model } from '../models/models.ts';
import { rangeText } from '../request/messages.ts';

type Shifted = {
  readonly option: Option;
  /** Sets the option to a node. @returns the error detail if an input leaves its range */
  readonly shift: (spot: number, volatility: number, days: number) => string | undefined;
};

type Inputs = Record<string, unknown> & {
  spot?: number;
  forward?: number;
  volatility?: number;
  time_to_expiry: number;
  heston?: HestonInputs;
  dividends?: readonly DividendPayment[];
};

/** Days of a year by the day count of the option; the other day counts have 365 or nearly so. */
const daysOfYear = (base: Readonly<Record<string, unknown>>): number => (base['day_count'] === 'ACT/360' ? 360 : 365);

/** One object for all nodes of a position, because a grid can have 100,000 of them. */
export const createShiftedOption = (given: Option, { numbers }: Model): Shifted => {
  const base = given as unknown as Readonly<Inputs>;
  const shifted: Inputs = { ...base };
  const inputOf = (name: string): NumberInput | undefined => numbers.find((input) => input.name === name);
  const underlying = base.spot === undefined ? 'forward' : 'spot';
  const [ofUnderlying, ofVolatility] = [inputOf(underlying)!, inputOf('volatility')!];
  const yearDays = daysOfYear(base);
  const outOf = (input: NumberInput, value: number): string | undefined =>
    isInRange(input, value) ? undefined : rangeText(input, value);

  return {
    option: shifted as unknown as Option,
    shift: (spot, volatility, days) => {
      const price = base[underlying]! * (1 + spot);
      const years = days / yearDays;
      shifted[underlying] = price;
      shifted.time_to_expiry = Math.max(0, base.time_to_expiry - years);
      if (base.dividends !== undefined) {
        shifted.dividends = base.dividends
          .filter(({ time }) => time > years)
          .map((payment) => ({ ...payment, time: payment.time - years }));
      }
      if (base.heston !== undefined) {
        const deviation = Math.sqrt(base.heston.v0) + volatility;
        if (deviation < 0) return `The square root of v0 must be at least 0, not ${deviation}`;
        shifted.heston = volatility === 0 ? base.heston : { ...base.heston, v0: deviation * deviation };
        return outOf(ofUnderlying, price);
      }
      shifted.volatility = base.volatility! + volatility;
      return outOf(ofUnderlying, price) ?? outOf(ofVolatility, shifted.volatility);
    },
  };
};
