import { signOf, type BarrierOption, type DigitalOption, type PricingEngine } from '../../models/engine.ts';
import { outputNames, type OutputName } from '../../models/outputs.ts';
import { createBarrier } from './barrier.ts';
import { createDigital, type DigitalPayoff } from './digital.ts';
import { volatilityByPieces } from './volatility-by-pieces.ts';

/** Outputs that these engines do not have. */
const lacking: ReadonlySet<OutputName> = new Set(['veta', 'zomma', 'color', 'ultima']);

/** The outputs of barrier and digital options. */
export const exoticOutputs: readonly OutputName[] = outputNames.filter((name) => !lacking.has(name));

/** Rounding error of a price, in units of the values that are added. */
const ROUNDING = 4e-15;

/** Writes the price, and the greeks if they are asked for, at a volatility to `out`. */
type Write<O> = (option: O, volatility: number, greeks: boolean, out: Float64Array) => void;

/**
 * An engine over a kernel. It reuses its buffer, so calls must not overlap.
 * @param amountOf the rebate or cash that is paid at most, which adds to the rounding error of a price
 */
const createExoticEngine = <O extends BarrierOption | DigitalOption>(
  write: Write<O>,
  amountOf: (option: O) => number,
): PricingEngine<O> => {
  const buffer = new Float64Array(outputNames.length);
  const noiseOf = (o: O): number =>
    ROUNDING *
    (o.spot * Math.exp(-o.dividend_yield * o.time_to_expiry) +
      (o.strike + amountOf(o)) * Math.exp(-o.rate * o.time_to_expiry));
  return {
    price: (o) => {
      write(o, o.volatility, false, buffer);
      return buffer[0]!;
    },
    evaluate: (o, out) => write(o, o.volatility, true, out),
    impliedVolatility: (o, price) =>
      volatilityByPieces((volatility) => write(o, volatility, true, buffer), buffer, price, noiseOf(o)),
  };
};

/** Single barrier options. */
export const createBarrierEngine = (): PricingEngine<BarrierOption> => {
  const kernel = createBarrier();
  return createExoticEngine(
    (o, volatility, greeks, out) =>
      kernel(
        o.spot,
        o.strike,
        o.time_to_expiry,
        o.rate,
        o.dividend_yield,
        volatility,
        signOf(o),
        o.barrier,
        o.rebate,
        o.barrier_type,
        greeks,
        out,
      ),
    (o) => o.rebate,
  );
};

const createDigitalEngine = (payoff: DigitalPayoff): PricingEngine<DigitalOption> => {
  const kernel = createDigital(payoff);
  const cashOf = ({ cash = 0 }: DigitalOption): number => cash;
  return createExoticEngine(
    (o, volatility, greeks, out) =>
      kernel(
        o.spot,
        o.strike,
        o.time_to_expiry,
        o.rate,
        o.dividend_yield,
        volatility,
        signOf(o),
        cashOf(o),
        greeks,
        out,
      ),
    cashOf,
  );
};

export const createCashOrNothingEngine = (): PricingEngine<DigitalOption> => createDigitalEngine('cash');
export const createAssetOrNothingEngine = (): PricingEngine<DigitalOption> => createDigitalEngine('asset');
