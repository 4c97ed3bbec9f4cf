import type { FieldError } from '#src/kernel/catalogue/errors.ts';
import { memberPointer } from '#src/kernel/json-pointer.ts';
import type { NumberInput } from '../models/inputs.ts';
import { unitRemedy } from './messages.ts';

/** The code of a value that is valid, and is probably in percent or days. */
export const unitCode = 'suspicious_unit';
export type UnitWarning = FieldError & { readonly code: typeof unitCode };

/** @param isTimeDated years that were calculated from dates are not in another unit */
export const isSuspicious = ({ unit }: NumberInput, value: number, isTimeDated = false): boolean =>
  unit !== undefined && value > unit.usualMax && !(isTimeDated && unit.name === 'years');

/** The warning about a suspicious value. */
export const unitWarning = (input: NumberInput, value: number, at: string): UnitWarning => ({
  pointer: memberPointer(at, input.name),
  code: unitCode,
  detail: `${input.name} ${value} is unusual; ${unitRemedy(input, value)}`,
});

/** The error of a suspicious value with `strict_units`. */
export const strictUnitError = (input: NumberInput, value: number, at: string): FieldError => ({
  ...unitWarning(input, value, at),
  detail: `${input.name} ${value} is refused because strict_units is true; ${unitRemedy(input, value)}`,
});

const unitsOf = new Map<readonly NumberInput[], readonly NumberInput[]>();
/** The numbers that have a unit. There is one list of numbers for each model. */
const withUnits = (numbers: readonly NumberInput[]): readonly NumberInput[] => {
  const known = unitsOf.get(numbers) ?? numbers.filter(({ unit }) => unit !== undefined);
  unitsOf.set(numbers, known);
  return known;
};

/**
 * The warnings about an option that was read; undefined if there are none.
 * @param at JSON Pointer of the option, or of the list of options with `index`
 */
export const unitWarnings = (
  option: object,
  numbers: readonly NumberInput[],
  at: string,
  index?: number,
): readonly UnitWarning[] | undefined => {
  let warnings: UnitWarning[] | undefined;
  const isTimeDated = 'expiry' in option;
  for (const input of withUnits(numbers)) {
    const value = (option as Readonly<Record<string, unknown>>)[input.name];
    if (typeof value !== 'number' || !isSuspicious(input, value, isTimeDated)) continue;
    (warnings ??= []).push(unitWarning(input, value, index === undefined ? at : memberPointer(at, index)));
  }
  return warnings;
};
