import type { AppError, FieldError } from '#src/kernel/catalogue/errors.ts';
import { barrierTypes } from '../../engines/exotic/barrier-types.ts';
import type { EngineFactory } from '../../models/engine-factory.ts';
import { optionTypes, type ExerciseStyle } from '../../models/engine.ts';
import { hestonParameters, isRequired, type NumberInput } from '../../models/inputs.ts';
import { defaultModel, type Model } from '../../models/models.ts';
import type { Wanted } from '../../request/calculate.ts';
import { invalidRequest } from '../../request/failures.ts';
import {
  lacksOutputText,
  requiredChoiceText,
  requiredText,
  styleText,
  unknownMemberText,
} from '../../request/messages.ts';
import { invertedNumbers } from '../../request/read-option.ts';
import { conventionNames } from '../../request/conventions/convention-members.ts';
import { chosenModelAt } from '../columns/resolve-columns.ts';
import { columnError, listColumns, nestedColumns, type ColumnTable } from '../columns/columns.ts';
import { outputOfNoModel } from './check-rows.ts';

const common = ['model', 'exercise_style', 'option_type'];

/** The numeric inputs that columns of this model give, with the parameters of Heston. */
const numbersOf = (model: Model, { inverted }: Wanted): readonly NumberInput[] => [
  ...(inverted ? invertedNumbers(model) : model.numbers),
  ...(model.extras.includes('heston') ? hestonParameters : []),
];

const namesOf = (model: Model, wanted: Wanted): readonly string[] => [
  ...common,
  ...numbersOf(model, wanted).map(({ name }) => name),
  ...model.extras.filter((extra) => !Object.hasOwn(nestedColumns, extra)),
  ...conventionNames,
];

/** The models that the rows name. Unknown names are left out, because only their rows fail. */
const modelsOf = ({ size, columns }: ColumnTable, engines: EngineFactory): ReadonlySet<Model> => {
  const column = columns.get('model');
  if (column === undefined && !columns.has('exercise_style')) return new Set([engines.model(defaultModel)]);
  if (column?.numbers === undefined && typeof column?.only === 'string') return new Set([engines.model(column.only)]);
  const models = new Set<Model>();
  for (let index = 0; index < size; index++) {
    const given = column?.at(index);
    const model = engines.known(given === undefined ? chosenModelAt(columns, index) : given);
    if (model !== undefined) models.add(model);
  }
  return models;
};

const isEmpty = ({ size, columns }: ColumnTable, name: string): boolean => {
  const column = columns.get(name)!;
  for (let index = 0; index < size; index++) if ((column.at(index) ?? undefined) !== undefined) return false;
  return true;
};

/**
 * Whether a row has the input. A column of nulls in a short Arrow stream would otherwise make 100,000 rows fail one by
 * one, with a large answer.
 */
const hasValues = ({ size, columns }: ColumnTable, name: string): boolean => {
  const column = columns.get(name);
  if (column === undefined) return false;
  for (let index = 0; index < size; index++) if (column.at(index) !== undefined) return true;
  return false;
};

const textOfAllRows = (table: ColumnTable, name: string, fallback: string): unknown => {
  const column = table.columns.get(name);
  return column === undefined ? fallback : column.numbers === undefined ? column.only : undefined;
};

/** The inputs that the columns of contracts and expiries stand in place of. */
const givenBy = (table: ColumnTable): readonly string[] => {
  if (hasValues(table, 'contract')) return ['time_to_expiry', 'strike', 'option_type'];
  return hasValues(table, 'expiry') ? ['time_to_expiry'] : [];
};

/** A column that `member` of the envelope gave has its pointer there. */
const errorAt = ({ fromEnvelope }: ColumnTable, name: string, code: string, detail: string): FieldError =>
  fromEnvelope.has(name) ? { pointer: `/${name}`, code, detail } : columnError(name, code, detail);

/** The error of an exercise style of all rows that the one model cannot price. */
const styleErrors = (table: ColumnTable, model: Model): FieldError[] => {
  const style = textOfAllRows(table, 'exercise_style', 'european');
  if (typeof style !== 'string' || model.exerciseStyles.includes(style as ExerciseStyle)) return [];
  const code = style === 'european' || style === 'american' ? 'unsupported' : 'invalid_value';
  const given = table.columns.has('exercise_style') ? style : undefined;
  return [errorAt(table, 'exercise_style', code, styleText(model, given))];
};

type NeededInput = NumberInput | { readonly name: string; readonly choices: readonly string[] };

const neededOf = (model: Model, wanted: Wanted): readonly NeededInput[] => [
  ...numbersOf(model, wanted).filter(isRequired),
  { name: 'option_type', choices: optionTypes },
  ...(model.extras.includes('barrier_type') ? [{ name: 'barrier_type', choices: barrierTypes }] : []),
];

/** The errors of missing columns that each model of the batch needs. Without such a column no row can be priced. */
const requiredErrors = (table: ColumnTable, models: ReadonlySet<Model>, wanted: Wanted): FieldError[] => {
  const isGiven = new Set(givenBy(table));
  const [first = [], ...others] = [...models].map((model) => neededOf(model, wanted));
  return first
    .filter(({ name }) => others.every((needed) => needed.some((input) => input.name === name)))
    .filter(({ name }) => !isGiven.has(name) && !hasValues(table, name))
    .map((input) => {
      const detail = 'choices' in input ? requiredChoiceText(input.name, input.choices) : requiredText(input);
      return columnError(input.name, 'required', detail);
    });
};

/**
 * Refuses mistakes that are the same for all rows: a column that no model of the batch has, a missing column that all models need, an output
 * that no model has, an exercise style that the one model cannot price.
 * @throws AppError `validation_failed` with all of them, `pricing_model_unknown`
 */
export const checkColumns = (table: ColumnTable, wanted: Wanted, engines: EngineFactory): void => {
  const models = modelsOf(table, engines);
  const [model] = models;
  if (model === undefined) return;
  const errors: FieldError[] = [];
  const lacking = outputOfNoModel(wanted.names, models);
  if (lacking !== undefined) {
    const detail = lacksOutputText(lacking.model, lacking.output);
    errors.push({ pointer: '/outputs', code: 'unsupported', detail });
  }
  const known = new Set([...models].flatMap((each) => namesOf(each, wanted)));
  for (const name of table.columns.keys()) {
    if (known.has(name) || isEmpty(table, name)) continue;
    errors.push(errorAt(table, name, 'unknown_member', unknownMemberText(name, model, namesOf(model, wanted))));
  }
  errors.push(...requiredErrors(table, models, wanted));
  if (models.size === 1) errors.push(...styleErrors(table, model));
  if (errors.length > 0) throw invalidRequest(errors);
};

const ITEM = new RegExp(`^/(${listColumns.join('|')})(?:/(\\d+))?`);

/** The column of the first error of a row: `/heston/v0` is the column `v0`, `/dividends/1/time` the column `dividends`. */
export const fieldOf = (error: FieldError | undefined): string | undefined => {
  if (error === undefined) return undefined;
  const { pointer } = error;
  return ITEM.exec(pointer)?.[1] ?? (pointer.slice(pointer.lastIndexOf('/') + 1) || undefined);
};

/**
 * The text of the first error of a row. The column does not tell which of its items is wrong, so the text does. The
 * parameters of heston are columns without the name `heston`.
 */
export const detailOf = ({ pointer, detail }: FieldError): string => {
  if (pointer.startsWith('/heston/')) return detail.replace(/^heston\./, '');
  const [, column, item] = ITEM.exec(pointer) ?? [];
  return item === undefined ? detail : `${column}[${item}]: ${detail}`;
};

/** The column of an error that was thrown for a row. */
export const fieldOfThrown = (error: AppError): string | undefined =>
  error.code === 'pricing_model_unknown' ? 'model' : fieldOf(error.errors?.[0]);
