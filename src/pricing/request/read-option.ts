import type { FieldError } from '#src/kernel/catalogue/errors.ts';
import { exerciseStyles, optionTypes, type ExerciseStyle, type Option } from '../models/engine.ts';
import { isInRange, isRequired, optionPrice, type NumberInput } from '../models/inputs.ts';
import { shownDetail } from '#src/kernel/requests/validation-failed.ts';
import { invalidRequest } from './failures.ts';
import type { Model } from '../models/models.ts';
import { defaultGreeks, indexOfOutput, type OutputName } from '../models/outputs.ts';
import {
  choiceText,
  memberError,
  notAModelText,
  notAnArrayOfOutputsText,
  notANumberText,
  rangeText,
  requiredChoiceText,
  requiredText,
  styleText,
  unknownMemberText,
  unknownOutputText,
  type OutputPlace,
} from './messages.ts';
import { conventionNames } from './conventions/convention-members.ts';
import { chosenModel } from './conventions/model-of-row.ts';
import { readExtra } from './read-extras.ts';
import type { Row } from './rows.ts';
import type { OptionPlace } from './texts/member-elsewhere.ts';
import { isSuspicious, strictUnitError } from './unit-warnings.ts';

export { isRow, type Row } from './rows.ts';

/**
 * Validation of pricing requests without a schema library: one pass per row, for single calls and batches. A general
 * schema library is several times slower on 100,000 rows. The rules come from the inputs that the model declares.
 */

export const numberError = (at: string, input: NumberInput, value: unknown): FieldError => {
  if (value === undefined) return memberError(at, input.name, 'required', requiredText(input));
  if (typeof value !== 'number') {
    return memberError(at, input.name, 'invalid_type', notANumberText(input, value));
  }
  return memberError(at, input.name, 'out_of_range', rangeText(input, value));
};

export const typeError = (at: string, type: unknown): FieldError =>
  type === undefined
    ? memberError(at, 'option_type', 'required', requiredChoiceText('option_type', optionTypes))
    : memberError(at, 'option_type', 'invalid_value', choiceText('option_type', optionTypes, type));

const styleError = (at: string, model: Model, style: unknown): FieldError => {
  const isKnown = style === undefined || exerciseStyles.some((known) => known === style);
  const code = isKnown ? 'unsupported' : 'invalid_value';
  return memberError(at, 'exercise_style', code, styleText(model, style));
};

/** The name of the row's model, or of the one that is chosen for it. @throws AppError `validation_failed` */
export const readModelName = (row: Row, at: string): string => {
  const name = row['model'];
  if (name === undefined) return chosenModel(row);
  if (typeof name === 'string') return name;
  throw invalidRequest([memberError(at, 'model', 'invalid_type', notAModelText(name))]);
};

const noMembers: readonly string[] = [];

const unknownMembers = (
  row: Row,
  model: Model,
  numbers: readonly NumberInput[],
  at: string,
  { own = noMembers, place = 'request', maxShown }: ReadOptions,
): FieldError[] => {
  const known = new Set([
    'model',
    'option_type',
    'exercise_style',
    ...model.extras,
    ...numbers.map(({ name }) => name),
  ]);
  for (const member of own) known.add(member);
  const names = [...known, ...conventionNames];
  return Object.keys(row)
    .filter((member) => !known.has(member))
    .slice(0, maxShown)
    .map((member, index) => {
      const text = (): string => unknownMemberText(member, model, names, place);
      return memberError(at, member, 'unknown_member', shownDetail(index, text));
    });
};

const withPrice = new Map<Model, readonly NumberInput[]>();
/** The inputs for an implied volatility: the price replaces the volatility. */
export const invertedNumbers = (model: Model): readonly NumberInput[] => {
  let numbers = withPrice.get(model);
  if (numbers === undefined) {
    numbers = [...model.numbers.filter(({ name }) => name !== 'volatility'), optionPrice];
    withPrice.set(model, numbers);
  }
  return numbers;
};

export type ReadOptions = {
  /** Members that the calling code reads itself. */
  readonly own?: readonly string[];
  /** Where the option was sent, for messages about members that belong elsewhere. Default: `request`. */
  readonly place?: OptionPlace;
  /** `price` is read instead of the volatility. */
  readonly inverted?: boolean;
  /** A value that is probably in another unit is an error. */
  readonly strictUnits?: boolean;
  /** The time to expiry is calculated from dates, so its unit is known. */
  readonly isTimeDated?: boolean;
  /** Max errors that are shown, at most those of a request. Further unknown members and dividends are not read. Default: all are read. */
  readonly maxShown?: number;
};

/** The option of a row with defaults filled in, or all errors of the row. `at` is the JSON Pointer of the row. */
// oxlint-disable-next-line complexity -- it runs for each row of a batch, and calls would cost too much there
export const readOption = (row: Row, model: Model, at: string, options: ReadOptions = {}): Option | FieldError[] => {
  const { own = noMembers, inverted = false, strictUnits = false, isTimeDated = false } = options;
  let errors: FieldError[] | undefined;
  let known = row['model'] === undefined ? 0 : 1;
  for (const member of own) if (row[member] !== undefined) known++;

  const type = row['option_type'];
  if (type !== undefined) known++;
  if (type !== 'call' && type !== 'put') {
    (errors ??= []).push(typeError(at, type));
  }
  const { exercise_style: style = 'european' } = row;
  if (row['exercise_style'] !== undefined) known++;
  if (!model.exerciseStyles.includes(style as ExerciseStyle)) {
    (errors ??= []).push(styleError(at, model, row['exercise_style']));
  }
  const option: Record<string, unknown> = {
    model: model.name,
    option_type: type,
    exercise_style: style,
  };
  const numbers = inverted ? invertedNumbers(model) : model.numbers;
  for (const input of numbers) {
    const value = row[input.name];
    if (value !== undefined) known++;
    if (typeof value === 'number' && isInRange(input, value)) {
      // Adding 0 turns -0 into 0, because a time or volatility of -0 could become -Infinity in a formula.
      option[input.name] = value + 0;
      if (strictUnits && isSuspicious(input, value, isTimeDated))
        (errors ??= []).push(strictUnitError(input, value, at));
    } else if (value === undefined && !isRequired(input)) {
      if (input.default !== undefined) option[input.name] = input.default;
    } else {
      (errors ??= []).push(numberError(at, input, value));
    }
  }
  for (const extra of model.extras) {
    if (row[extra] !== undefined) known++;
    else if (extra === 'symbol' || extra === 'dividends') continue;
    const read = readExtra(extra, row, at, options.maxShown);
    if (Array.isArray(read)) (errors ??= []).push(...(read as FieldError[]));
    else Object.assign(option, read, extra === 'dividends' ? { dividend_model: model.dividendModel } : undefined);
  }
  let members = 0;
  for (const _ in row) members++;
  // They come first, because a failed row of a batch shows its first error only.
  if (members !== known) errors = [...unknownMembers(row, model, numbers, at, options), ...(errors ?? [])];
  return errors ?? (option as unknown as Option);
};

/**
 * Max names in `outputs`. It is larger than the number of outputs, because names may repeat. It is limited, because
 * each wrong name is an error in the answer.
 */
export const maxOutputs = 100;
/** A name in `outputs` that stands for the greeks that `/pricing/greeks` answers by default. */
export const greeksGroup = 'greeks';

/**
 * The requested outputs without repeats, or their errors.
 * @param known the allowed names
 * @param fallback the outputs if `value` is undefined
 * @param place decides the remedy for `price`
 */
export const readOutputs = (
  value: unknown,
  known: readonly OutputName[],
  fallback: readonly OutputName[],
  place: OutputPlace = 'batch',
): { readonly outputs: readonly OutputName[] } | FieldError[] => {
  if (value === undefined) return { outputs: fallback };
  if (!Array.isArray(value)) return [memberError('', 'outputs', 'invalid_type', notAnArrayOfOutputsText(value))];
  if (value.length === 0)
    return [
      memberError(
        '',
        'outputs',
        'invalid_length',
        'outputs must name at least one output, such as ["delta"]: leave outputs out for the usual ones',
      ),
    ];
  if (value.length > maxOutputs) {
    return [memberError('', 'outputs', 'invalid_length', `outputs must name at most ${maxOutputs} outputs`)];
  }
  const errors: FieldError[] = [];
  const outputs = new Set<OutputName>();
  value.forEach((name: unknown, index) => {
    if (name === greeksGroup) for (const greek of defaultGreeks) outputs.add(greek);
    else if (isOutput(name) && known.includes(name)) outputs.add(name);
    else {
      const text = (): string => unknownOutputText(name, known, place);
      errors.push(memberError('/outputs', index, 'invalid_value', shownDetail(errors.length, text)));
    }
  });
  return errors.length > 0 ? errors : { outputs: [...outputs] };
};

const isOutput = (name: unknown): name is OutputName => typeof name === 'string' && Object.hasOwn(indexOfOutput, name);
