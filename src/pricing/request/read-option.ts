import type { FieldError } from '#src/kernel/catalogue/errors.ts';
import { memberPointer } from '#src/kernel/json-pointer.ts';
import { exerciseStyles, optionTypes, type ExerciseStyle, type Option } from '../models/engine.ts';
import { isInRange, isRequired, optionPrice, rangeOf, type NumberInput } from '../models/inputs.ts';
import { invalidRequest } from './failures.ts';
import { defaultModel, type Model } from '../models/models.ts';
import { indexOfOutput, type OutputName } from '../models/outputs.ts';
import { readExtra } from './read-extras.ts';
import type { Row } from './rows.ts';

export { isRow, type Row } from './rows.ts';

/**
 * Validation of pricing requests without a schema library: one pass per row, for single calls and batches. A general
 * schema library is several times slower on 100,000 rows. The rules come from the inputs that the model declares.
 */

const fieldError = (at: string, member: string | number, code: string, detail: string): FieldError => ({
  pointer: memberPointer(at, member),
  code,
  detail,
});
const required = (at: string, member: string): FieldError => fieldError(at, member, 'required', 'Required');

const numberError = (at: string, input: NumberInput, value: unknown): FieldError => {
  if (value === undefined) return required(at, input.name);
  if (typeof value !== 'number') return fieldError(at, input.name, 'invalid_type', `${input.name} must be a number`);
  return fieldError(at, input.name, 'out_of_range', `${input.name} must be ${rangeOf(input)}`);
};

const choiceError = (at: string, member: string, choices: readonly string[]): FieldError =>
  fieldError(at, member, 'invalid_value', `${member} must be ${choices.join(' or ')}`);

const styleError = (at: string, model: Model, style: unknown): FieldError => {
  if (!exerciseStyles.some((known) => known === style)) return choiceError(at, 'exercise_style', exerciseStyles);
  return fieldError(at, 'exercise_style', 'unsupported', `${model.name} cannot price this exercise style`);
};

/** The name of the row's model. @throws AppError `validation_failed` */
export const readModelName = (row: Row, at: string): string => {
  const name = row['model'];
  if (name === undefined) return defaultModel;
  if (typeof name === 'string') return name;
  throw invalidRequest([fieldError(at, 'model', 'invalid_type', 'model must be a string')]);
};

const unknownMembers = (
  row: Row,
  model: Model,
  numbers: readonly NumberInput[],
  at: string,
  own: string | undefined,
): FieldError[] => {
  const known = new Set([
    'model',
    'option_type',
    'exercise_style',
    ...model.extras,
    ...numbers.map(({ name }) => name),
  ]);
  if (own !== undefined) known.add(own);
  return Object.keys(row)
    .filter((member) => !known.has(member))
    .map((member) => fieldError(at, member, 'unknown_member', `${model.name} has no such input`));
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

/** `own`: a member that the calling code reads itself. `inverted`: `price` is read instead of the volatility. */
export type ReadOptions = { readonly own?: string; readonly inverted?: boolean };

/** The option of a row with defaults filled in, or all errors of the row. `at` is the JSON Pointer of the row. */
export const readOption = (
  row: Row,
  model: Model,
  at: string,
  { own, inverted = false }: ReadOptions = {},
): Option | FieldError[] => {
  let errors: FieldError[] | undefined;
  let known = row['model'] === undefined ? 0 : 1;
  if (own !== undefined && row[own] !== undefined) known++;

  const type = row['option_type'];
  if (type !== undefined) known++;
  if (type !== 'call' && type !== 'put') {
    (errors ??= []).push(
      type === undefined ? required(at, 'option_type') : choiceError(at, 'option_type', optionTypes),
    );
  }
  const { exercise_style: style = 'european' } = row;
  if (row['exercise_style'] !== undefined) known++;
  if (!model.exerciseStyles.includes(style as ExerciseStyle)) {
    (errors ??= []).push(styleError(at, model, style));
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
    } else if (value === undefined && !isRequired(input)) {
      if (input.default !== undefined) option[input.name] = input.default;
    } else {
      (errors ??= []).push(numberError(at, input, value));
    }
  }
  for (const extra of model.extras) {
    if (row[extra] !== undefined) known++;
    else if (extra === 'symbol' || extra === 'dividends') continue;
    const read = readExtra(extra, row, at);
    if (Array.isArray(read)) (errors ??= []).push(...(read as FieldError[]));
    else Object.assign(option, read);
  }
  let members = 0;
  for (const _ in row) members++;
  if (members !== known) (errors ??= []).push(...unknownMembers(row, model, numbers, at, own));
  return errors ?? (option as unknown as Option);
};

/**
 * Max names in `outputs`. It is larger than the number of outputs, because names may repeat. It is limited, because
 * each wrong name is an error in the answer.
 */
export const maxOutputs = 100;

/**
 * The requested outputs without repeats, or their errors.
 * @param known the allowed names
 * @param fallback the outputs if `value` is undefined
 */
export const readOutputs = (
  value: unknown,
  known: readonly OutputName[],
  fallback: readonly OutputName[],
): { readonly outputs: readonly OutputName[] } | FieldError[] => {
  if (value === undefined) return { outputs: fallback };
  if (!Array.isArray(value)) return [fieldError('', 'outputs', 'invalid_type', 'outputs must be an array of names')];
  if (value.length === 0) return [fieldError('', 'outputs', 'invalid_length', 'outputs must name at least one output')];
  if (value.length > maxOutputs) {
    return [fieldError('', 'outputs', 'invalid_length', `outputs must name at most ${maxOutputs} outputs`)];
  }
  const errors: FieldError[] = [];
  const outputs = new Set<OutputName>();
  value.forEach((name: unknown, index) => {
    if (isOutput(name) && known.includes(name)) outputs.add(name);
    else errors.push(fieldError('/outputs', index, 'invalid_value', 'No such output'));
  });
  return errors.length > 0 ? errors : { outputs: [...outputs] };
};

const isOutput = (name: unknown): name is OutputName => typeof name === 'string' && Object.hasOwn(indexOfOutput, name);
