import { blackScholesEvaluate } from '../../european/black-scholes.ts';
import { indexOfOutput, outputNames, type OutputName } from '../../../models/outputs.ts';
import type { SpotInputs } from '../../numeric-greeks.ts';
import { levelAt, type BoundaryCurves } from './boundary-curves.ts';
import { premiumIntegral, premiumParts } from './premium-integral.ts';
import type { PutMarket } from './put-market.ts';

/** Derivatives of the price of a put with strike 1, by its spot z, its time and its market. */
type PutDerivatives = {
  readonly price: number;
  readonly byZ: number;
  readonly byZZ: number;
  readonly byTime: number;
  readonly byZTime: number;
  readonly byRate: number;
  readonly byYield: number;
  readonly byVolatility: number;
  readonly byZVolatility: number;
};

/**
 * The derivatives of the representation: the European ones, and those of the premium with the boundary moving by its
 * tangents. The derivatives by the time come from the Black-Scholes equation.
 */
const derivativesOf = (z: number, time: number, market: PutMarket, curves: BoundaryCurves): PutDerivatives => {
  const { rate, dividendYield, volatility } = market;
  const european = new Float64Array(outputNames.length);
  blackScholesEvaluate(z, 1, time, rate, dividendYield, volatility, -1, european);
  const at = (name: OutputName): number => european[indexOfOutput[name]]!;
  const premium = premiumIntegral(market, curves, Math.log(z), time, { valueOnly: false, lastTime: time });
  const part = (name: keyof typeof premiumParts): number => premium[premiumParts[name]]!;
  const price = at('price') + part('value');
  const byZ = at('delta') + part('byY') / z;
  const byZZ = at('gamma') + (part('byYY') - part('byY')) / (z * z);
  const byZZZ = at('speed') + (part('byYYY') - 3 * part('byYY') + 2 * part('byY')) / (z * z * z);
  const variance = volatility * volatility;
  const carry = rate - dividendYield;
  return {
    price,
    byZ,
    byZZ,
    byTime: 0.5 * variance * z * z * byZZ + carry * z * byZ - rate * price,
    byZTime: 0.5 * variance * (z * z * byZZZ + 2 * z * byZZ) + carry * (z * byZZ + byZ) - rate * byZ,
    byRate: at('rho') + part('byRate'),
    byYield: at('dividend_rho') + part('byYield'),
    byVolatility: at('vega') + part('byVolatility'),
    byZVolatility: at('vanna') + part('byYVolatility') / z,
  };
};

/** Step of the volatility for volga, relative to it. */
const VOLGA_STEP = 1e-3;

/**
 * Writes the greeks of an American option to `out`, except the price. `solve` returns the boundary of a put with strike
 * 1, or undefined if it was not found; then all greeks are NaN. Volga is a central difference of vega, which needs two more
 * boundaries; without `withVolga` it is NaN.
 */
// oxlint-disable-next-line complexity -- one loop of a numerical method, whose cases share many values
export const writePanelGreeks = (
  solve: (market: PutMarket, time: number) => BoundaryCurves | undefined,
  { spot, strike, time, rate, dividendYield, volatility, sign }: SpotInputs,
  out: Float64Array,
  withVolga: boolean,
): void => {
  const isPut = sign < 0;
  const z = isPut ? spot / strike : strike / spot;
  const marketAt = (v: number): PutMarket =>
    isPut ? { rate, dividendYield, volatility: v } : { rate: dividendYield, dividendYield: rate, volatility: v };
  out.fill(Number.NaN);
  const set = (name: OutputName, value: number): void => {
    out[indexOfOutput[name]] = value;
  };
  const market = marketAt(volatility);
  const curves = solve(market, time);
  if (curves === undefined) return;
  if (isExercised(curves, z, time)) {
    for (const name of greekNamesOf) set(name, 0);
    set('delta', isPut ? -1 : 1);
    set('dual_delta', isPut ? 1 : -1);
    return;
  }
  const d = derivativesOf(z, time, market, curves);
  const vegaAt = (v: number): number => {
    const shifted = solve(marketAt(v), time);
    if (shifted === undefined) return Number.NaN;
    return isExercised(shifted, z, time) ? 0 : derivativesOf(z, time, marketAt(v), shifted).byVolatility;
  };
  const step = VOLGA_STEP * volatility;
  const scale = isPut ? strike : spot;
  const other = isPut ? spot : strike;
  set('vega', scale * d.byVolatility);
  if (withVolga) set('volga', (scale * (vegaAt(volatility + step) - vegaAt(volatility - step))) / (2 * step));
  set('theta', -scale * d.byTime);
  set('rho', scale * (isPut ? d.byRate : d.byYield));
  set('dividend_rho', scale * (isPut ? d.byYield : d.byRate));
  // The price is homogeneous in spot and strike, so the derivatives by one follow from those by the other.
  const ownDelta = d.price - z * d.byZ;
  const ownGamma = (d.byZZ * other * other) / (scale * scale * scale);
  const otherGamma = d.byZZ / scale;
  set('delta', isPut ? d.byZ : ownDelta);
  set('dual_delta', isPut ? ownDelta : d.byZ);
  set('gamma', isPut ? otherGamma : ownGamma);
  set('dual_gamma', isPut ? ownGamma : otherGamma);
  set('vanna', isPut ? d.byZVolatility : d.byVolatility - z * d.byZVolatility);
  set('charm', -(isPut ? d.byZTime : d.byTime - z * d.byZTime));
};

const greekNamesOf: readonly OutputName[] = [
  'delta',
  'gamma',
  'vega',
  'theta',
  'rho',
  'dividend_rho',
  'vanna',
  'volga',
  'charm',
  'dual_delta',
  'dual_gamma',
];

const isExercised = (curves: BoundaryCurves, z: number, time: number): boolean => {
  const y = Math.log(z);
  return y <= levelAt(curves, 0, time) && (curves.levels[1] === undefined || y >= levelAt(curves, 1, time));
};
