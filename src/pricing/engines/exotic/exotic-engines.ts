import { signOf, type BarrierOption, type DigitalOption, type PricingEngine } from '../../models/engine.ts';
import { outputNames, type OutputName } from '../../models/outputs.ts';
import { createBarrier } from './barrier.ts';
import { createDigital, type DigitalPayoff } from './digital.ts';
import { volatilityByPieces } from './volatility-by-pieces.ts';

/** The outputs of barrier and digital options. */
export const exoticOutputs: readonly OutputName[] = [
  'price',
  'delta',
  'gamma',
  'vega',
  'theta',
  'rho',
  'dividend_rho',
  'vanna',
  'volga',
  'charm',
  'speed',
  'dual_delta',
  'dual_gamma',
  'implied_volatility',
];

/** Rounding error of a price, in units of the values that are added. */
const ROUNDING = 4e-15;

const noiseOf = (o: BarrierOption | DigitalOption, amount: number): number =>
  ROUNDING *
  (o.spot * Math.exp(-o.dividend_yield * o.time_to_expiry) +
    (o.strike + amount) * Math.exp(-o.rate * o.time_to_expiry));

/** Single barrier options. The engine reuses its buffers, so calls must not overlap. */
export const createBarrierEngine = (): PricingEngine<BarrierOption> => {
  const kernel = createBarrier();
  const buffer = new Float64Array(outputNames.length);
  const write = (o: BarrierOption, volatility: number, greeks: boolean, out: Float64Array): void =>
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
    );
  return {
    price: (o) => {
      write(o, o.volatility, false, buffer);
      return buffer[0]!;
    },
    evaluate: (o, out) => write(o, o.volatility, true, out),
    impliedVolatility: (o, price) =>
      volatilityByPieces((volatility) => write(o, volatility, true, buffer), buffer, price, noiseOf(o, o.rebate)),
  };
};

const createDigitalEngine = (payoff: DigitalPayoff): PricingEngine<DigitalOption> => {
  const kernel = createDigital(payoff);
  const buffer = new Float64Array(outputNames.length);
  const write = (o: DigitalOption, volatility: number, greeks: boolean, out: Float64Array): void =>
    kernel(
      o.spot,
      o.strike,
      o.time_to_expiry,
      o.rate,
      o.dividend_yield,
      volatility,
      signOf(o),
      o.cash ?? 0,
      greeks,
      out,
    );
  return {
    price: (o) => {
      write(o, o.volatility, false, buffer);
      return buffer[0]!;
    },
    evaluate: (o, out) => write(o, o.volatility, true, out),
    impliedVolatility: (o, price) =>
      volatilityByPieces((volatility) => write(o, volatility, true, buffer), buffer, price, noiseOf(o, o.cash ?? 0)),
  };
};

export const createCashOrNothingEngine = (): PricingEngine<DigitalOption> => createDigitalEngine('cash');
export const createAssetOrNothingEngine = (): PricingEngine<DigitalOption> => createDigitalEngine('asset');
