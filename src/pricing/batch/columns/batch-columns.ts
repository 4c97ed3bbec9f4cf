import { AppError, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import { runAtOnce, type Steps } from '#src/kernel/streams/turns.ts';
import type { AnswerSteps, PreparedBatch } from '../prepared-batch.ts';
import { bytesOfColumns } from '../answer-bytes.ts';
import { createTally } from '../batch-tally.ts';
import { createOutputs, evaluate, unsupportedOutput, wantedOf } from '../../request/calculate.ts';
import { checkColumns, detailOf, fieldOf, fieldOfThrown } from '../checks/check-columns.ts';
import { createColumnWarnings } from '../checks/column-warnings.ts';
import { estimateColumns } from './column-costs.ts';
import { nestedColumns, type Column, type ColumnFailure, type ColumnRequest, type ColumnResult } from './columns.ts';
import { chosenModelAt, isNullAbsent, mayLackDates, resolveSteps, resolvingMs } from './resolve-columns.ts';
import type { EngineFactory } from '../../models/engine-factory.ts';
import type { Option, PricingEngine } from '../../models/engine.ts';
import { isInRange, isRequired, type NumberInput } from '../../models/inputs.ts';
import { defaultModel, type Model, type ModelName } from '../../models/models.ts';
import { lacksOutputText } from '../../request/messages.ts';
import { choicesOf, isChoice } from '../../request/read-extras.ts';
import { isSuspicious } from '../../request/unit-warnings.ts';
import { needsValuationDate, resolveRow } from '../../request/conventions/resolve-row.ts';
import { invertedNumbers, readModelName, readOption } from '../../request/read-option.ts';

export type ColumnsDeps = ColumnRequest &
  Pick<PreparedBatch, 'format' | 'answer'> & {
    readonly engines: EngineFactory;
    readonly write: (result: ColumnResult) => AnswerSteps;
  };

/** The value of a text column, if all rows have the same one. `undefined` if they differ or this is not known. */
const onlyText = (column: Column | undefined, fallback: string): unknown =>
  column === undefined ? fallback : column.numbers === undefined ? column.only : undefined;

/**
 * A batch by columns. If all rows have one model and its inputs are the numeric columns, each column is validated in
 * one pass, and the rows are priced from typed arrays with one reused option. In all other cases, and for the error
 * message of an invalid row, the code builds a row object and reads it as in a batch of objects.
 */
export const openColumns = (deps: ColumnsDeps): PreparedBatch => {
  const { table, outputs, strictUnits, units, ids, engines, format, answer, write } = deps;
  const { size, columns } = table;
  let resolvedColumns: ColumnRequest['table']['columns'] | undefined;
  /** The columns without contracts and dates. To read these takes time, so it must wait until the work has a place. */
  const resolving = resolveSteps(table);
  const plainColumns = () => (resolvedColumns ??= runAtOnce(resolving));
  const prepare = function* (): Steps {
    resolvedColumns = yield* resolving;
  };
  const chosen = new Set<ModelName>();
  const wanted = wantedOf(outputs, units);
  const isTimeDated = columns.has('expiry') || columns.has('contract');
  /** Some rows may have years and others dates, so that a suspicious value needs a look at its own row. */
  const isTimeMixed = isTimeDated && columns.has('time_to_expiry');
  const reading = { inverted: wanted.inverted, strictUnits, maxShown: 1 };
  const warnings = createColumnWarnings();
  checkColumns(table, wanted, engines);
  const buffer = createOutputs();
  const tally = createTally();
  const failed = new Uint8Array(size);
  const failures: ColumnFailure[] = [];
  const values = outputs.map((name) => [name, new Float64Array(size)] as const);
  let thrown: AppError | undefined;
  let used: Model | undefined;

  const fail = (index: number, code: ErrorCode, detail: string, field?: string): void => {
    failed[index] = 1;
    failures.push(field === undefined ? { index, code, detail } : { index, code, field, detail });
    tally.fail(used, { index, code, detail });
  };
  const keep = (index: number, option: Option, engine: PricingEngine): void => {
    const failure = evaluate(engine, option, wanted, buffer);
    if (failure !== undefined) return fail(index, 'pricing_calculation_failed', failure);
    for (let k = 0; k < values.length; k++) values[k]![1][index] = buffer[wanted.at[k]!]!;
    tally.add(used, 'ok');
  };

  const choose = ({ name }: Model): void => {
    if (name !== defaultModel) chosen.add(name);
  };
  /** Whether the request names no model for the row. */
  const isModelChosen = (index: number): boolean => !columns.has('model') || (table.isModelFilled?.(index) ?? false);

  const rowAt = (index: number): Record<string, unknown> => {
    const row: Record<string, unknown> = {};
    for (const [name, column] of columns) {
      const value = column.at(index);
      if (value === undefined || (value === null && isNullAbsent(columns, name))) continue;
      row[name] = value;
    }
    if (mayLackDates(columns) && !needsValuationDate(row)) {
      delete row['valuation_date'];
      delete row['day_count'];
      delete row['calendar'];
    }
    for (const [group, names] of Object.entries(nestedColumns)) {
      for (const name of names) {
        if (row[name] === undefined) continue;
        row[group] = { ...(row[group] as object | undefined), [name]: row[name] };
        delete row[name];
      }
    }
    return row;
  };
  const byRow = (index: number): void => {
    const row = rowAt(index);
    used = undefined;
    used = engines.model(readModelName(row, ''));
    if (row['model'] === undefined || isModelChosen(index)) choose(used);
    const resolved = resolveRow(row, '');
    const isDated = row['expiry'] !== undefined || row['contract'] !== undefined;
    const option = Array.isArray(resolved)
      ? resolved
      : readOption(resolved.row, used, '', { ...reading, isTimeDated: isDated });
    if (Array.isArray(option)) return fail(index, 'validation_failed', detailOf(option[0]!), fieldOf(option[0]));
    const unsupported = unsupportedOutput(used, wanted);
    if (unsupported !== undefined) {
      return fail(index, 'validation_failed', lacksOutputText(used, unsupported), 'outputs');
    }
    for (const input of used.numbers) {
      const value = option[input.name as keyof Option];
      if (typeof value === 'number' && isSuspicious(input, value, isDated)) warnings.add(index, input, value);
    }
    tally.styles.add(option.exercise_style);
    keep(index, option, engines.engine(used));
  };

  const openByColumn = (): ((index: number) => void) | undefined => {
    const plainInputs = plainColumns();
    const style = onlyText(columns.get('exercise_style'), 'european');
    const name = columns.has('model') ? onlyText(columns.get('model'), defaultModel) : chosenModelAt(columns, 0);
    if (typeof name !== 'string' || typeof style !== 'string') return undefined;
    const model = engines.model(name);
    const inputs = wanted.inverted ? invertedNumbers(model) : model.numbers;
    const choices = Object.entries(choicesOf).flatMap(([choice, values]) => {
      const column = columns.get(choice);
      return column === undefined || !model.extras.some((extra) => extra === choice)
        ? []
        : [{ choice, values, column }];
    });
    const plain = new Set([
      'model',
      'exercise_style',
      'option_type',
      ...inputs.map((input) => input.name),
      ...choices.map(({ choice }) => choice),
    ]);
    if ([...plainInputs.keys()].some((column) => !plain.has(column))) return undefined;
    // A batch with several models may lack a column that this model needs. The message of each row names it.
    const type = plainInputs.get('option_type');
    if (type === undefined || (model.extras.includes('barrier_type') && !columns.has('barrier_type'))) return undefined;
    const isLacking = (input: NumberInput): boolean => plainInputs.get(input.name)?.numbers === undefined;
    if (inputs.some((input) => isRequired(input) && isLacking(input))) return undefined;

    const bad = new Uint8Array(size);
    const suspicious = new Uint8Array(size);
    const isDated = isTimeDated && !isTimeMixed;
    const numbers = inputs.map((input) => {
      const column = plainInputs.get(input.name);
      if (column?.numbers === undefined) return new Float64Array(size).fill(input.default ?? Number.NaN);
      const cells = column.numbers;
      for (let index = 0; index < size; index++) if (!isInRange(input, cells[index]!)) bad[index] = 1;
      if (input.unit !== undefined) {
        const flags = strictUnits || isTimeMixed ? bad : suspicious;
        for (let index = 0; index < size; index++) if (isSuspicious(input, cells[index]!, isDated)) flags[index] = 1;
      }
      return cells;
    });
    // Heston's parameters and optional inputs need more checks than number columns, so they are read row by row.
    if (model.extras.includes('heston') || inputs.some((input) => input.optional)) return undefined;
    if (unsupportedOutput(model, wanted) !== undefined) return undefined;
    if (!model.exerciseStyles.some((known) => known === style)) return undefined;
    let engine: PricingEngine | undefined;
    tally.styles.add(style);
    const names = inputs.map((input) => input.name);
    // The answer names chosen models, except the default one.
    const isNamed = model.name !== defaultModel;
    const withUnit = inputs.flatMap((input, k) => (input.unit === undefined ? [] : [{ input, cells: numbers[k]! }]));
    const option: Record<string, unknown> = { model: name, option_type: 'call', exercise_style: style };
    for (const input of names) option[input] = 0.5;
    return (index) => {
      const side = type.at(index);
      if (bad[index] !== 0 || (side !== 'call' && side !== 'put')) return byRow(index);
      option['option_type'] = side;
      for (const { choice, values, column } of choices) {
        const value = column.at(index);
        if (!isChoice(values, value)) return byRow(index);
        option[choice] = value;
      }
      // Adding 0 turns -0 into 0, as `readOption` does.
      for (let k = 0; k < names.length; k++) option[names[k]!] = numbers[k]![index]! + 0;
      if (suspicious[index] !== 0) {
        for (const { input, cells } of withUnit) {
          if (isSuspicious(input, cells[index]!, isDated)) warnings.add(index, input, cells[index]!);
        }
      }
      used = model;
      if (isNamed && isModelChosen(index)) choose(model);
      keep(index, option as unknown as Option, (engine ??= engines.engine(model)));
    };
  };
  let price: ((index: number) => void) | undefined;

  return {
    format,
    answer,
    size,
    answerBytes: bytesOfColumns(answer, size, outputs.length + (ids === undefined ? 0 : 1)),
    preparationMs: resolvingMs(table),
    prepare,
    estimate: () => estimateColumns(table, plainColumns, wanted),
    tally,
    run: (from, to) => {
      price ??= openByColumn() ?? byRow;
      for (let index = from; index < to; index++) {
        try {
          price(index);
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
          fail(
            index,
            error.code,
            error.errors?.[0] === undefined ? error.message : detailOf(error.errors[0]),
            fieldOfThrown(error),
          );
          if (error.cause !== undefined) thrown ??= error;
        }
      }
    },
    fail: (index, error) => {
      used = engines.known(columns.get('model')?.at(index) ?? chosenModelAt(columns, index));
      fail(index, error.code, error.message);
    },
    thrown: () => thrown,
    finish: (computationTimeMs) =>
      write({
        size,
        values,
        failed,
        failures,
        warnings: warnings.all(),
        chosenModels: [...chosen],
        units,
        ids,
        computationTimeMs,
      }),
  };
};
