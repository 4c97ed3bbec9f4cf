import type { FieldError } from '#src/kernel/catalogue/errors.ts';
import { outputNames, type OutputName } from '../models/outputs.ts';
import { choiceText, memberError } from './messages.ts';
import type { Row } from './rows.ts';

/** The units of greeks: per 1.00 and per year, or those that traders quote. */
export const unitSystems = ['default', 'market'] as const;
export type UnitSystem = (typeof unitSystems)[number];
export const unitsMember = 'units';

/** Key of the metadata of an Arrow schema, in the request and in the answer. */
export const unitsKey = 'volwatch.units';

/** The value of `units`, or its error. @param at where it was sent */
export const readUnits = (row: Row, at = ''): UnitSystem | FieldError[] => {
  const { [unitsMember]: value = 'default' } = row;
  const known = unitSystems.find((name) => name === value);
  return known ?? [memberError(at, unitsMember, 'invalid_value', choiceText(unitsMember, unitSystems, value))];
};

const percent = 0.01;
const day = 1 / 365;

/** Factors of the greeks in the units of the market. A greek that is missing here has only derivatives by price. */
const byVolatility = { vega: 1, vanna: 1, volga: 2, veta: 1, zomma: 1, ultima: 3 } as const;
const byRate = { rho: 1, dividend_rho: 1 } as const;
const byTime = { theta: 1, charm: 1, veta: 1, color: 1 } as const;

const orderIn = (orders: Readonly<Partial<Record<OutputName, number>>>, name: OutputName): number => orders[name] ?? 0;

const factors = (percentOfVolatility: number): Float64Array =>
  Float64Array.from(
    outputNames,
    (name) =>
      percentOfVolatility ** orderIn(byVolatility, name) *
      percent ** orderIn(byRate, name) *
      day ** orderIn(byTime, name),
  );
const usualFactors = factors(percent);
/** The volatility of bachelier is in units of the price, so it has no percent. */
const bachelierFactors = factors(1);

/** Converts the outputs at the indices `at` to the units of the market. */
export const toMarketUnits = (model: string, at: Uint8Array, out: Float64Array): void => {
  const used = model === 'bachelier' ? bachelierFactors : usualFactors;
  for (const index of at) out[index] = out[index]! * used[index]!;
};
