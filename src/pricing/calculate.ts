import { AppError } from '#src/kernel/errors.ts';
import type { Option, PricingEngine } from './engine.ts';
import { indexOfOutput, outputNames, type GreekName, type OutputName } from './outputs.ts';

export type PricedOption = Option & { readonly price: number } & { readonly [Greek in GreekName]?: number };

/** The detail of a calculation that ended without a finite number. */
const notFinite = (output: OutputName): string => `${output} has no finite value for these inputs`;

export type Calculate = (
  engine: PricingEngine,
  option: Option,
  outputs: readonly OutputName[],
) => PricedOption | string;

/**
 * Prices one option and echoes it with `price` and the asked outputs. Answers the detail of the failure, instead of
 * throwing, when an output is not finite: a batch may hold 100,000 of those.
 * @throws AppError `pricing_calculation_failed` when the engine throws
 */
export const createCalculator = (): Calculate => {
  const buffer = new Float64Array(outputNames.length);
  return (engine, option, outputs) => {
    const greeks = outputs.length > 1 || (outputs.length === 1 && outputs[0] !== 'price');
    try {
      if (greeks) engine.evaluate(option, buffer);
      else buffer[0] = engine.price(option);
    } catch (cause) {
      if (cause instanceof AppError) throw cause;
      throw new AppError('pricing_calculation_failed', 'The calculation failed', { cause });
    }
    const price = buffer[0]!;
    if (!Number.isFinite(price)) return notFinite('price');
    if (!greeks) return { ...option, price };
    const result: Record<string, string | number> = { ...option, price };
    for (const output of outputs) {
      const value = buffer[indexOfOutput[output]]!;
      if (!Number.isFinite(value)) return notFinite(output);
      result[output] = value;
    }
    return result as unknown as PricedOption;
  };
};
