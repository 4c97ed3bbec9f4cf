import type { Steps } from '#src/kernel/streams/turns.ts';
import { maxShownErrors, type FieldError } from '#src/kernel/catalogue/errors.ts';
import type { PricingDefaults } from '#src/kernel/ports/account/pricing-defaults.ts';
import { memberPointer } from '#src/kernel/json-pointer.ts';
import { listed, nearestName, quoted } from '#src/kernel/requests/nearest-name.ts';
import { maxBatchRows } from '../batch/batch-row.ts';
import { idError, idMember, isId } from '../batch/row-id.ts';
import type { EngineFactory } from '../models/engine-factory.ts';
import type { Option } from '../models/engine.ts';
import { isInRange, type NumberInput } from '../models/inputs.ts';
import type { Model } from '../models/models.ts';
import { defaultGreeks, greekNames, type OutputName } from '../models/outputs.ts';
import { resolveRow } from '../request/conventions/resolve-row.ts';
import { fillRow, presetMember, readDefaults } from '../request/defaults.ts';
import { invalidRequest } from '../request/failures.ts';
import { readUnits, unitsMember, type UnitSystem } from '../request/market-units.ts';
import { kindOf, lacksOutputText, memberError, notTogetherText } from '../request/messages.ts';
import { numberError, readModelName, readOption, readOutputs } from '../request/read-option.ts';
import { isRow, type Row } from '../request/rows.ts';
import { readStrictUnits, strictUnitsMember } from '../request/strict-units.ts';
import { unitWarnings, type UnitWarning } from '../request/unit-warnings.ts';
import { axisNames, nodesOf, readAxes, type Axes } from './grid-axes.ts';

export const quantityInput: NumberInput = {
  name: 'quantity',
  minimum: -1e12,
  maximum: 1e12,
  default: 1,
  description: 'Number of options, negative if they are sold, times the multiplier of the contract',
};

type Position = {
  readonly id?: string | number;
  readonly quantity: number;
  readonly model: Model;
  readonly option: Option;
};
export type Grid = {
  readonly axes: Axes;
  readonly positions: readonly Position[];
  readonly outputs: readonly OutputName[];
  readonly units: UnitSystem;
  /** The first `maxWarnings` of them. */
  readonly warnings: readonly UnitWarning[];
  readonly warningCount: number;
};

const gridMembers = ['option', 'positions', ...axisNames, 'outputs', unitsMember, strictUnitsMember, presetMember];
const ownMembers = [idMember, quantityInput.name];
/** Errors after which the reading ends, because each position can have some. */
const maxErrors = 100;
/** Warnings that the answer has. The others are only counted, because 100,000 positions can have 400,000 of them. */
const maxWarnings = 100;

const unknownMember = (member: string): FieldError => {
  const near = nearestName(member, gridMembers);
  const remedy = near === undefined ? `: it takes ${listed(gridMembers, 'and')}` : `; did you mean ${near}?`;
  return memberError('', member, 'unknown_member', `${quoted(member)} is not a member of a grid${remedy}`);
};

const optionExample = '{"spot": 100, "strike": 105, ...}';
const positionExample = '{"quantity": 10, "spot": 100, "strike": 105, ...}';

/** The positions as they were sent, each with its pointer. */
const givenPositions = (body: Row, errors: FieldError[]): readonly (readonly [unknown, string])[] => {
  const { option, positions } = body;
  if (option !== undefined && positions !== undefined) {
    errors.push(memberError('', 'option', 'conflict', notTogetherText('option', 'positions')));
    return [];
  }
  if (option !== undefined) return [[option, '/option']];
  if (!Array.isArray(positions)) {
    const detail =
      positions === undefined
        ? `positions or option is required: send "option": ${optionExample} for one option, or "positions": [${positionExample}] for several; each object has the inputs of /pricing/price, and quantity is 1 by default`
        : `positions must be an array, not ${kindOf(positions)}: send "positions": [${positionExample}]; quantity is 1 by default`;
    errors.push(memberError('', 'positions', positions === undefined ? 'required' : 'invalid_type', detail));
    return [];
  }
  if (positions.length === 0) {
    errors.push(
      memberError(
        '',
        'positions',
        'invalid_length',
        'positions must have at least one position, not 0: send an array with one option or more',
      ),
    );
  }
  return positions.map((position: unknown, index) => [position, memberPointer('/positions', index)] as const);
};

const quantityErrors = (value: unknown, at: string): FieldError[] => {
  if (typeof value === 'number' && isInRange(quantityInput, value)) return [];
  return [numberError(at, quantityInput, value)];
};

/** The body of a grid is large, so the errors of one position are limited to those that are shown. */
const readingOfPosition = { own: ownMembers, place: 'position', maxShown: maxShownErrors } as const;

const readPosition = (
  given: unknown,
  at: string,
  engines: EngineFactory,
  strictUnits: boolean,
): Position | FieldError[] => {
  if (!isRow(given)) {
    const [place, example] = at === '/option' ? ['option', optionExample] : ['each item of positions', positionExample];
    const detail = `${place} must be an object, not ${kindOf(given)}: send the inputs of one option, such as ${example}`;
    return [{ pointer: at, code: 'invalid_type', detail }];
  }
  const { quantity = quantityInput.default, id } = given;
  const errors = quantityErrors(quantity, at);
  if (!isId(id)) errors.push(idError(at));
  const model = engines.model(readModelName(given, at));
  const resolved = resolveRow(given, at);
  if (Array.isArray(resolved)) return [...errors, ...resolved];
  const { row, echo } = resolved;
  const isTimeDated = echo !== undefined && 'expiry' in echo;
  const option = readOption(row, model, at, { ...readingOfPosition, strictUnits, isTimeDated });
  if (Array.isArray(option)) for (const error of option) errors.push(error);
  if (errors.length > 0 || Array.isArray(option)) return errors;
  return {
    ...(id !== undefined && { id: id as string | number }),
    quantity: (quantity as number) + 0,
    model,
    option: Object.assign(option, echo),
  };
};

/** What applies to all positions; undefined if there are errors, which are added. */
const readSettings = (body: Row, defaults: PricingDefaults | undefined, errors: FieldError[]) => {
  const asked = readOutputs(body['outputs'], greekNames, defaultGreeks, 'grid');
  const strict = readStrictUnits(body);
  const units = readUnits(body);
  const filling = readDefaults(body[presetMember], defaults);
  for (const each of [asked, strict, units, filling]) if (Array.isArray(each)) errors.push(...each);
  if (Array.isArray(asked) || Array.isArray(strict) || Array.isArray(units) || Array.isArray(filling)) return undefined;
  return { outputs: asked.outputs, strict, units, values: filling.values };
};

/** What a grid says beside its positions, which are not read yet. */
type GridHead = Pick<Grid, 'axes' | 'outputs' | 'units'> & {
  readonly given: ReturnType<typeof givenPositions>;
  readonly strict: boolean;
  readonly values: Parameters<typeof fillRow>[1];
};

/** @throws AppError `validation_failed` */
export const readGridHead = (body: unknown, defaults?: PricingDefaults): GridHead => {
  if (!isRow(body)) {
    const detail = `The body must be an object with positions or option, and axes, not ${kindOf(body)}`;
    throw invalidRequest([{ pointer: '', code: 'invalid_type', detail }]);
  }
  const errors = Object.keys(body)
    .filter((member) => !gridMembers.includes(member))
    .map(unknownMember);
  const axes = readAxes(body, errors);
  const given = givenPositions(body, errors);
  const settings = readSettings(body, defaults, errors);
  const nodes = nodesOf(axes);
  if (nodes * given.length > maxBatchRows) {
    const detail =
      `${given.length} positions at ${nodes} nodes are ${nodes * given.length} prices, and at most ${maxBatchRows} are ` +
      'allowed: send fewer positions or shorter axes';
    errors.push(memberError('', 'positions', 'invalid_length', detail));
  }
  if (errors.length > 0 || settings === undefined) throw invalidRequest(errors);
  return { axes, given, ...settings };
};

/** Positions that are read in one step: less than a millisecond. */
const positionsAtOnce = 20;

/**
 * Reads the positions of a grid in small steps, because 100,000 of them take seconds. A mistake in a position refuses the
 * grid, because its totals would have no meaning.
 * @throws AppError `validation_failed`, `pricing_model_unknown`
 */
export const readPositions = function* (
  { axes, given, outputs, units, strict, values }: GridHead,
  engines: EngineFactory,
): Steps<Grid> {
  const errors: FieldError[] = [];
  const positions: Position[] = [];
  const warnings: UnitWarning[] = [];
  let warningCount = 0;
  const lacking = new Map<string, FieldError>();
  for (const [index, [position, at]] of given.entries()) {
    if (index % positionsAtOnce === 0) yield;
    const filled = isRow(position) ? fillRow(position, values) : position;
    const read = readPosition(filled, at, engines, strict);
    if (Array.isArray(read)) {
      for (const error of read) errors.push(error);
      if (errors.length >= maxErrors) break;
      continue;
    }
    const { model, option } = read;
    for (const name of outputs.filter((output) => !model.outputs.includes(output))) {
      const detail = lacksOutputText(model, name, 'grid');
      lacking.set(detail, { pointer: '/outputs', code: 'unsupported', detail });
    }
    const suspicious = unitWarnings(option, model.numbers, at) ?? [];
    warningCount += suspicious.length;
    warnings.push(...suspicious.slice(0, maxWarnings - warnings.length));
    positions.push(read);
  }
  errors.push(...lacking.values());
  if (errors.length > 0) throw invalidRequest(errors);
  return { axes, positions, outputs, units, warnings, warningCount };
};
