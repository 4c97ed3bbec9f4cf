import type { FieldError } from '#src/kernel/catalogue/errors.ts';
import { listed, nearestName, quoted } from '#src/kernel/requests/nearest-name.ts';
import { hestonNames, type HestonName } from '../engines/heston/heston-gradient.ts';
import { isInRange, type NumberInput } from '../models/inputs.ts';
import { kindOf, memberError } from '../request/messages.ts';
import { numberError } from '../request/read-option.ts';
import { isRow, type Row } from '../request/rows.ts';
import { parameterRanges, ranges, sides } from './calibration-members.ts';

/** Usual names in other libraries, in lower case without separators. */
const parameterAliases: Readonly<Record<string, string>> = {
  v: 'v0',
  variance: 'v0',
  initialvariance: 'v0',
  meanreversion: 'kappa',
  longvariance: 'theta',
  longrunvariance: 'theta',
  volofvol: 'sigma',
  xi: 'sigma',
  eta: 'sigma',
  correlation: 'rho',
};

/** Adds an error for each member that `known` does not have. */
export const refuseUnknown = (
  row: Row,
  known: readonly string[],
  {
    at,
    what,
    aliases,
  }: { readonly at: string; readonly what: string; readonly aliases: Readonly<Record<string, string>> },
  errors: FieldError[],
): void => {
  for (const member of Object.keys(row)) {
    if (known.includes(member)) continue;
    const near = nearestName(member, known, aliases);
    const remedy = near === undefined ? `: it takes ${listed(known, 'and')}` : `; did you mean ${near}?`;
    errors.push(memberError(at, member, 'unknown_member', `${quoted(member)} is not a member of ${what}${remedy}`));
  }
};

/** The value of a number; NaN if it has an error, which is added. */
export const readNumber = (row: Row, input: NumberInput, at: string, errors: FieldError[]): number => {
  const value = row[input.name];
  if (typeof value === 'number' && isInRange(input, value)) return value + 0;
  if (value === undefined && input.default !== undefined) return input.default;
  errors.push(numberError(at, input, value));
  return Number.NaN;
};

const notAnObject = (member: string, value: unknown, at: string): FieldError =>
  memberError(at, member, 'invalid_type', `${member} must be an object, not ${kindOf(value)}`);

export type ParameterSettings = {
  readonly guess: Readonly<Partial<Record<HestonName, number>>>;
  readonly lower: Float64Array;
  readonly upper: Float64Array;
};

const readBounds = (bounds: Row, lower: Float64Array, upper: Float64Array, errors: FieldError[]): void => {
  refuseUnknown(bounds, hestonNames, { at: '/bounds', what: 'bounds', aliases: parameterAliases }, errors);
  hestonNames.forEach((name, k) => {
    const given = bounds[name];
    if (given === undefined) return;
    if (!isRow(given)) {
      errors.push(notAnObject(name, given, '/bounds'));
      return;
    }
    const at = `/bounds/${name}`;
    refuseUnknown(given, sides, { at, what: 'a bound', aliases: { min: 'lower', max: 'upper' } }, errors);
    for (const side of sides) {
      if (given[side] === undefined) continue;
      const input = { ...parameterRanges[name].input, name: side };
      (side === 'lower' ? lower : upper)[k] = readNumber(given, input, at, errors);
    }
    if (lower[k]! < upper[k]! || Number.isNaN(lower[k]!) || Number.isNaN(upper[k]!)) return;
    const detail = `the lower bound of ${name}, ${lower[k]!}, must be below the upper one, ${upper[k]!}: send both bounds`;
    errors.push({ pointer: at, code: 'out_of_range', detail });
  });
};

/** The initial guess and the bounds. Errors are added. */
export const readParameters = (body: Row, errors: FieldError[]): ParameterSettings => {
  const lower = Float64Array.from(ranges, (range) => range.lower);
  const upper = Float64Array.from(ranges, (range) => range.upper);
  const { bounds = {}, initial_guess: given = {} } = body;
  if (isRow(bounds)) readBounds(bounds, lower, upper, errors);
  else errors.push(notAnObject('bounds', bounds, ''));
  const guess: Partial<Record<HestonName, number>> = {};
  if (!isRow(given)) {
    errors.push(notAnObject('initial_guess', given, ''));
    return { guess, lower, upper };
  }
  const at = '/initial_guess';
  refuseUnknown(given, hestonNames, { at, what: 'initial_guess', aliases: parameterAliases }, errors);
  hestonNames.forEach((name, k) => {
    if (given[name] === undefined) return;
    const value = readNumber(given, parameterRanges[name].input, at, errors);
    guess[name] = value;
    if (value >= lower[k]! && value <= upper[k]!) return;
    if (Number.isNaN(value) || Number.isNaN(lower[k]!) || Number.isNaN(upper[k]!)) return;
    const detail = `${name} must be within its bounds, ${lower[k]!} and ${upper[k]!}, not ${value}: move it, or the bounds`;
    errors.push(memberError(at, name, 'out_of_range', detail));
  });
  return { guess, lower, upper };
};
