import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Option, PricingEngine } from '../models/engine.ts';
import { impliedRefusal, type Refusal } from '../engines/european/implied.ts';
import type { Model } from '../models/models.ts';
import { indexOfOutput, outputNames, type OutputName } from '../models/outputs.ts';

export type PricedOption = Option & { readonly price: number } & {
  readonly [Output in Exclude<OutputName, 'price'>]?: number;
};

/** Outputs asked for, with where engines write them. */
export type Wanted = {
  readonly names: readonly OutputName[];
  readonly at: Uint8Array;
  readonly needs: 'price' | 'first_order' | 'all';
  /** The row has a price and wants the volatility behind it; greeks are at that volatility. */
  readonly inverted: boolean;
};

const impliedVolatility = indexOfOutput.implied_volatility;

export const wantedOf = (names: readonly OutputName[]): Wanted => {
  const at = Uint8Array.from(names, (name) => indexOfOutput[name]);
  const greeks = at.filter((index) => index !== indexOfOutput.price && index !== impliedVolatility);
  const higherOrder = greeks.some((index) => index > indexOfOutput.dividend_rho);
  return {
    names,
    at,
    needs: greeks.length === 0 ? 'price' : higherOrder ? 'all' : 'first_order',
    inverted: at.includes(impliedVolatility),
  };
};

/** The output that the model does not have, if one is wanted. */
export const unsupportedOutput = (model: Model, { names }: Wanted): OutputName | undefined =>
  names.find((name) => !model.outputs.includes(name));

/** Where the steps of a solver are written: behind the outputs. */
export const iterationsAt = outputNames.length;

/** What an engine writes into, in the order of `outputNames`. */
export const createOutputs = (): Float64Array => new Float64Array(outputNames.length + 1);

/** The code leads, for machines. */
const wordOf = ({ code, detail }: Refusal): string => `${code}: ${detail}`;

/** The detail of a calculation that ended without a finite number. */
const notFinite = (output: OutputName): string => `${output} has no finite value for these inputs`;

const write = (engine: PricingEngine, option: Option, { needs }: Wanted, out: Float64Array): void => {
  if (needs === 'price') out[0] = engine.price(option);
  else if (needs === 'first_order' && engine.firstOrder !== undefined) engine.firstOrder(option, out);
  else engine.evaluate(option, out);
};

/** Writes the volatility behind the price of the option, and the greeks that are wanted at it. */
const invert = (engine: PricingEngine, option: Option, wanted: Wanted, out: Float64Array): string | undefined => {
  const { price } = option as Option & { readonly price: number };
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
 * Writes what is wanted, and always the price, into `out`. Answers the detail of the failure, instead of throwing, when
 * one of them is not finite: a batch may hold 100,000 of those.
 * @throws AppError `pricing_calculation_failed` when the engine throws
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
    if (cause instanceof AppError) throw cause;
    throw new AppError('pricing_calculation_failed', 'The calculation failed', { cause });
  }
  if (!Number.isFinite(out[0])) {
    const refusal = engine.refusal?.(option);
    return refusal === undefined ? notFinite('price') : wordOf(refusal);
  }
  const { at } = wanted;
  for (let k = 0; k < at.length; k++) if (!Number.isFinite(out[at[k]!])) return notFinite(wanted.names[k]!);
  return undefined;
};

/**
 * Prices one option and echoes it with `price` and the asked outputs, or answers the detail of the failure.
 * @throws AppError `pricing_calculation_failed` when the engine throws
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
