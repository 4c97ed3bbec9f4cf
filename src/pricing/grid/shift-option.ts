import type { DividendPayment, HestonInputs, Option } from '../models/engine.ts';
import { hestonParameters, isInRange, type NumberInput } from '../models/inputs.ts';
import type { Model } from '../models/models.ts';
import { rangeText } from '../request/messages.ts';
import { createShiftedDividends } from './shift-dividends.ts';
import { createYearsLeft, msOf } from './years-left.ts';

/** @returns the error detail if an input leaves its range */
type Shift = (spot: number, volatility: number, days: number, position: number) => string | undefined;

type Shifted = {
  readonly option: Option;
  /** Sets the option to a node. The position is that of the days in their axis. */
  readonly shift: Shift;
  /**
   * Sets the option to a node, but with the dividends as they were given. The estimate of the work uses it, because the
   * dividends of 100,000 nodes would take seconds.
   */
  readonly shiftNumbers: Shift;
};

type Inputs = Record<string, unknown> & {
  spot?: number;
  forward?: number;
  volatility?: number;
  time_to_expiry: number;
  heston?: HestonInputs;
  dividends?: readonly DividendPayment[];
};

const initialVariance = hestonParameters.find(({ name }) => name === 'v0')!;

const outOf = (input: NumberInput, value: number): string | undefined =>
  isInRange(input, value) ? undefined : rangeText(input, value);

/**
 * One object for all nodes of a position, because a grid can have 100,000 of them.
 * @param days the number of days in the axis
 */
export const createShiftedOption = (given: Option, { numbers }: Model, days: number): Shifted => {
  const base = given as unknown as Readonly<Inputs>;
  const shifted: Inputs = { ...base };
  const inputOf = (name: string): NumberInput | undefined => numbers.find((input) => input.name === name);
  const underlying = base.spot === undefined ? 'forward' : 'spot';
  const [ofUnderlying, ofVolatility] = [inputOf(underlying)!, inputOf('volatility')!];
  const yearsLeft = createYearsLeft(base);
  const expiry = { years: base.time_to_expiry, ms: msOf(base['expiry']) };
  let dividendsAt: ReturnType<typeof createShiftedDividends> | undefined;

  const shiftHeston = (heston: HestonInputs, shift: number): string | undefined => {
    if (shift === 0) return undefined;
    const deviation = Math.sqrt(heston.v0) + shift;
    if (deviation < 0) return `The square root of v0 must be at least 0, not ${deviation}`;
    const v0 = deviation * deviation;
    shifted.heston = { ...heston, v0 };
    return outOf(initialVariance, v0);
  };
  const shiftVolatility = (shift: number): string | undefined => {
    if (base.heston !== undefined) {
      shifted.heston = base.heston;
      return shiftHeston(base.heston, shift);
    }
    shifted.volatility = base.volatility! + shift;
    return outOf(ofVolatility, shifted.volatility);
  };
  const shiftNumbers: Shift = (spot, volatility, passed) => {
    const price = base[underlying]! * (1 + spot);
    shifted[underlying] = price;
    shifted.time_to_expiry = Math.max(0, yearsLeft(expiry, passed));
    const refused = shiftVolatility(volatility);
    return outOf(ofUnderlying, price) ?? refused;
  };

  return {
    option: shifted as unknown as Option,
    shiftNumbers,
    shift: (spot, volatility, passed, position) => {
      const refused = shiftNumbers(spot, volatility, passed, position);
      // A refused node is not priced, so it needs no dividends.
      if (refused !== undefined || base.dividends === undefined) return refused;
      dividendsAt ??= createShiftedDividends(base.dividends, yearsLeft, days);
      shifted.dividends = dividendsAt(passed, position);
      return undefined;
    },
  };
};
