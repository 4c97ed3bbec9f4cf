import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Option, PricingEngine } from '../models/engine.ts';
import { impliedRefusal, type Refusal } from '../engines/european/implied.ts';
import type { Model } from '../models/models.ts';
import { toMarketUnits, type UnitSystem } from './market-units.ts';
import { indexOfOutput, outputNames, type OutputName } from '../models/outputs.ts';
import { SlowCalculation } from '../models/slow-calculation.ts';

export type PricedOption = Option & { readonly price: number } & {
  readonly [Output in Exclude<OutputName, 'price'>]?: number;
};

/** The requested outputs. */
export type Wanted = {
  readonly names: readonly OutputName[];
  /** For each name the index at which engines write it. */
  readonly at: Uint8Array;
  readonly needs: 'price' | 'first_order' | 'all';
  /** The row has a price, and its implied volatility is requested. Greeks are calculated at that volatility. */
  readonly inverted: boolean;
  readonly units: UnitSystem;
};

const impliedVolatility = indexOfOutput.implied_volatility;

export const wantedOf = (names: readonly OutputName[], units: UnitSystem = 'default'): Wanted => {
  const at = new Uint8Array(names.length);
  let needs: Wanted['needs'] = 'price';
  let inverted = false;
  for (let k = 0; k < names.length; k++) {
    const index = indexOfOutput[names[k]!];
    at[k] = index;
    if (index === impliedVolatility) inverted = true;
    else if (index > indexOfOutput.dividend_rho) needs = 'all';
    else if (index !== indexOfOutput.price && needs === 'price') needs = 'first_order';
  }
  return { names, at, needs, inverted, units };
};

/** The first requested output that the model does not have; undefined if it has all. */
export const unsupportedOutput = (model: Model, { names }: Wanted): OutputName | undefined =>
  names.find((name) => !model.outputs.includes(name));

/** Index of the number of solver steps, after the outputs. */
export const iterationsAt = outputNames.length;

/** The array for the results of an engine, in the order of `outputNames`. */
export const createOutputs = (): Float64Array => new Float64Array(outputNames.length + 1);

/** The code comes first, so that programs can read it. */
const wordOf = ({ code, detail }: Refusal): string => `${code}: ${detail}`;

/** The error detail of a calculation without a finite result. */
const notFinite = (output: OutputName): string => `${output} has no finite value for these inputs`;

/**
 * Whether the engine has written the message, so that a caller can read it in production too. The errors of the language
 * (TypeError, RangeError) have classes of their own, and their messages can contain code.
 */
const isOwnText = (cause: unknown): cause is Error => cause instanceof Error && cause.constructor === Error;

const write = (engine: PricingEngine, option: Option, { needs }: Wanted, out: Float64Array): void => {
  if (needs === 'price') out[0] = engine.price(option);
  else if (needs === 'first_order' && engine.firstOrder !== undefined) engine.firstOrder(option, out);
  else engine.evaluate(option, out);
};

/**
 * Writes the implied volatility for the price of the option, and the requested greeks at that volatility.
 * @returns the error detail, if there is no implied volatility
 */
const invert = (engine: PricingEngine, option: Option, wanted: Wanted, out: Float64Array): string | undefined => {
  const { price } = option as Option & { readonly price: number };
  // The array may have the steps of an earlier option.
  out[iterationsAt] = 0;
  const refusal = engine.refusal?.(option);
  if (refusal !== undefined) return wordOf(refusal);
  const { volatility, iterations } = engine.impliedVolatility!(option, price);
  out[iterationsAt] = iterations;
  if (!(volatility > 0)) return wordOf(impliedRefusal(volatility));
  if (wanted.needs !== 'price') write(engine, { ...option, volatility }, wanted, out);
  out[0] = price;
  out[impliedVolatility] = volatility;
  return undefined;
};

/**
 * Writes the price and the requested outputs into `out`.
 * @returns the error detail if one of them is not finite. It is not thrown, because a batch may have 100,000 such rows.
 * @throws AppError `pricing_calculation_failed` when the engine throws; `SlowCalculation` of an engine of the event loop
 */
export const evaluate = (
  engine: PricingEngine,
  option: Option,
  wanted: Wanted,
  out: Float64Array,
): string | undefined => {
  try {
    if (wanted.inverted) {
      const failure = invert(engine, option, wanted, out);
      if (failure !== undefined) return failure;
    } else write(engine, option, wanted, out);
  } catch (cause) {
    if (cause instanceof AppError || cause instanceof SlowCalculation) throw cause;
    const failed = 'The calculation failed';
    throw new AppError('pricing_calculation_failed', isOwnText(cause) ? `${failed}: ${cause.message}` : failed, {
      cause,
    });
  }
  if (!Number.isFinite(out[0])) {
    const refusal = engine.refusal?.(option) ?? engine.failure;
    return refusal === undefined ? notFinite('price') : wordOf(refusal);
  }
  const { at } = wanted;
  for (let k = 0; k < at.length; k++) if (!Number.isFinite(out[at[k]!])) return notFinite(wanted.names[k]!);
  if (wanted.units === 'market') toMarketUnits(option.model, at, out);
  return undefined;
};

/**
 * Prices one option.
 * @returns the option with `price` and the requested outputs, or the error detail
 * @throws AppError `pricing_calculation_failed` when the engine throws; `SlowCalculation` of an engine of the event loop
 */
export const calculate = (
  engine: PricingEngine,
  option: Option,
  wanted: Wanted,
  buffer: Float64Array = createOutputs(),
): PricedOption | string => {
  const failure = evaluate(engine, option, wanted, buffer);
  if (failure !== undefined) return failure;
  const result: Record<string, unknown> = { ...option, price: buffer[0] };
  for (const output of wanted.names) result[output] = buffer[indexOfOutput[output]];
  return result as unknown as PricedOption;
};
