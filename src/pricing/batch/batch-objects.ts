import { AppError, type FieldError } from '#src/kernel/catalogue/errors.ts';
import type { PricingDefaults } from '#src/kernel/ports/account/pricing-defaults.ts';
import type { PreparedBatch } from './prepared-batch.ts';
import { failedRow, maxBatchRows, valuesOfRow } from './batch-row.ts';
import { bytesOfObjects, type ObjectRows } from './answer-bytes.ts';
import { createTally, totalsOf } from './batch-tally.ts';
import { createOutputs, evaluate, unsupportedOutput, wantedOf } from '../request/calculate.ts';
import { runAtOnce } from '#src/kernel/streams/turns.ts';
import type { WorkEstimate } from '../models/cost.ts';
import { estimateSteps } from '../models/estimate-steps.ts';
import type { EngineFactory } from '../models/engine-factory.ts';
import type { Option, PricingEngine } from '../models/engine.ts';
import { invalidRequest } from '../request/failures.ts';
import type { Model } from '../models/models.ts';
import { outputNames, type OutputName } from '../models/outputs.ts';
import { modelOfRow } from '../request/conventions/model-of-row.ts';
import { hasConventions, resolveRow, type ResolvedRow } from '../request/conventions/resolve-row.ts';
import { isRow, readModelName, readOption, readOutputs, type Row } from '../request/read-option.ts';
import { fillRow, hasEffect, presetMember, readDefaults } from '../request/defaults.ts';
import { kindOf, lacksOutputText, memberError, notABatchText } from '../request/messages.ts';
import { readUnits, unitsMember, type UnitSystem } from '../request/market-units.ts';
import { readStrictUnits, strictUnitsMember } from '../request/strict-units.ts';
import { unitWarnings } from '../request/unit-warnings.ts';
import { checkRowsAlike } from './checks/check-rows.ts';
import { unknownEnvelopeText } from './columns/columns.ts';
import { idError, idMember, isId } from './row-id.ts';
import { createTextChunks, utf8 } from './text-chunks.ts';

const optionsErrors = (value: unknown): FieldError[] => {
  const error = (code: string, detail: string): FieldError[] => [{ pointer: '/options', code, detail }];
  if (value === undefined)
    return error(
      'required',
      'options or columns is required: send {"options": [{"spot": 100, "strike": 105, ...}]} with one object for each option, ' +
        'or {"columns": {"spot": [100, 101], "strike": 105, ...}} with one array or number for each input',
    );
  if (!Array.isArray(value)) return error('invalid_type', `options must be an array of options, not ${kindOf(value)}`);
  if (value.length >= 1 && value.length <= maxBatchRows) return [];
  return error('invalid_length', `options must have 1 to ${maxBatchRows} rows, not ${value.length}`);
};

type Envelope = {
  readonly options: readonly unknown[];
  readonly outputs: readonly OutputName[];
  readonly strictUnits: boolean;
  readonly units: UnitSystem;
};
const envelopeMembers = ['options', 'outputs', unitsMember, strictUnitsMember, presetMember];

const readEnvelope = (body: unknown, defaults: PricingDefaults | undefined): Envelope => {
  if (!isRow(body)) throw invalidRequest([{ pointer: '', code: 'invalid_type', detail: notABatchText(body) }]);
  const { options } = body;
  const errors = optionsErrors(options);
  const asked = readOutputs(body['outputs'], outputNames, ['price']);
  if (Array.isArray(asked)) errors.push(...asked);
  for (const member of Object.keys(body)) {
    if (envelopeMembers.includes(member)) continue;
    errors.push(memberError('', member, 'unknown_member', unknownEnvelopeText(member, 'options', envelopeMembers)));
  }
  const strict = readStrictUnits(body);
  if (Array.isArray(strict)) errors.push(...strict);
  const units = readUnits(body);
  if (Array.isArray(units)) errors.push(...units);
  const filling = readDefaults(body[presetMember], defaults);
  if (Array.isArray(filling)) errors.push(...filling);
  if (Array.isArray(asked) || Array.isArray(strict) || Array.isArray(units)) throw invalidRequest(errors);
  if (errors.length > 0 || Array.isArray(filling) || !Array.isArray(options)) throw invalidRequest(errors);
  const { values } = filling;
  const filled = hasEffect(values)
    ? options.map((row: unknown) => (isRow(row) ? fillRow(row, values) : row))
    : (options as readonly unknown[]);
  return { options: filled, outputs: asked.outputs, strictUnits: strict, units };
};

/** Whether no row has dates or a contract, so that each is its own resolved row. */
const areResolved = (options: readonly unknown[]): options is readonly Row[] =>
  options.every((row) => isRow(row) && !hasConventions(row));

const kindOfRows = (options: readonly unknown[]): ObjectRows['kind'] => {
  if (areResolved(options)) return 'plain';
  return options.some((row) => isRow(row) && row['contract'] !== undefined) ? 'contracts' : 'dates';
};

/** The rows for the estimate of their cost, with the years of their dates. */
const resolvedRows = function* (options: readonly unknown[]): Generator<Row> {
  for (const row of options) {
    if (!isRow(row)) continue;
    const resolved = resolveRow(row, '');
    yield Array.isArray(resolved) ? row : resolved.row;
  }
};

/**
 * Rows per call of JSON.stringify: enough that a call costs little per row, and few enough that the garbage collector
 * frees them in the young generation.
 */
const rowsAtOnce = 256;
/** Max values of lists in these rows. A number can take 2 us to write. */
const valuesAtOnce = 2_000;
const comma = 0x2c;
/** An answer with this number of rows at most is written in one piece, because each piece is memory outside the heap. */
const fewRows = 100;

export type ObjectsDeps = {
  readonly engines: EngineFactory;
  readonly defaults: PricingDefaults | undefined;
  /** Bytes of the text of `body`. */
  readonly bodyBytes: number;
};

/**
 * A batch of `{ options: [...], outputs? }`. Each row is read, priced and written before the next one, so that there is
 * never a list of all results in memory.
 */
export const openObjects = (body: unknown, { engines, defaults, bodyBytes }: ObjectsDeps): PreparedBatch => {
  const { options, outputs, strictUnits, units } = readEnvelope(body, defaults);
  checkRowsAlike(options, outputs, engines);
  const wanted = wantedOf(outputs, units);
  const reading = { inverted: wanted.inverted, strictUnits, own: [idMember], place: 'row', maxShown: 1 } as const;
  const buffer = createOutputs();
  const tally = createTally();
  const text = createTextChunks();
  text.add('{"results":');
  let begun = false;
  let rows: object[] = [];
  let values = 0;
  let thrown: AppError | undefined;
  let model: Model | undefined;
  let engine: PricingEngine | undefined;
  /** The last model, with the first output that it lacks. */
  let checked: Model | undefined;
  let unsupported: OutputName | undefined;
  /** The exercise style of the last row. */
  let style: string | undefined;

  const flush = (): void => {
    if (rows.length === 0) return;
    if (!begun && options.length <= fewRows && values <= valuesAtOnce) {
      // The whole answer is one piece, without its last bracket.
      text.add(JSON.stringify(rows).slice(0, -1));
      begun = true;
      rows = [];
      values = 0;
      return;
    }
    const bytes = utf8(JSON.stringify(rows));
    // Joins the lists into one: a comma replaces the opening bracket, except in the first list, and the closing bracket
    // is removed.
    if (begun) bytes[0] = comma;
    begun = true;
    text.addBytes(bytes.subarray(0, -1));
    rows = [];
    values = 0;
  };
  const write = (row: object): void => {
    values += valuesOfRow(row);
    if (rows.push(row) === rowsAtOnce || values > valuesAtOnce) flush();
  };
  /** The option belongs to this row alone, so the outputs are added to it. */
  const writePriced = (option: Option, { numbers }: Model, index: number, id: unknown): void => {
    const row = option as unknown as Record<string, unknown>;
    const warnings = unitWarnings(option, numbers, '/options', index);
    if (id !== undefined) row[idMember] = id;
    row['price'] = buffer[0];
    for (let k = 0; k < outputs.length; k++) row[outputs[k]!] = buffer[wanted.at[k]!];
    if (warnings !== undefined) row['warnings'] = warnings;
    write(row);
  };

  const readResolved = ({ row, echo }: ResolvedRow, used: Model): Option | FieldError[] => {
    if (echo === undefined) return readOption(row, used, '', reading);
    const option = readOption(row, used, '', { ...reading, isTimeDated: 'expiry' in echo });
    return Array.isArray(option) ? option : Object.assign(option, echo);
  };

  const useModel = (name: string): Model => {
    if (model?.name !== name) {
      engine = undefined;
      model = undefined;
      model = engines.model(name);
    }
    return model;
  };

  const price = (row: unknown, index: number): void => {
    if (!isRow(row)) {
      model = undefined;
      const detail = `each item of options must be an object with the inputs of one option, not ${kindOf(row)}`;
      write(failedRow(row, 'validation_failed', detail, `/options/${index}`));
      tally.fail(undefined, { index, code: 'validation_failed' });
      return;
    }
    const used = useModel(readModelName(row, ''));
    const id = row[idMember];
    const resolved = resolveRow(row, '');
    const read = Array.isArray(resolved) ? resolved : readResolved(resolved, used);
    const option = isId(id) ? read : [idError(''), ...(Array.isArray(read) ? read : [])];
    if (Array.isArray(option)) {
      const [first] = option;
      write(failedRow(row, 'validation_failed', first!.detail, `/options/${index}${first!.pointer}`));
      tally.fail(used, { index, code: 'validation_failed' });
      return;
    }
    if (used !== checked) {
      checked = used;
      unsupported = unsupportedOutput(used, wanted);
    }
    if (unsupported !== undefined) {
      write(failedRow(row, 'validation_failed', lacksOutputText(used, unsupported), '/outputs'));
      tally.fail(used, { index, code: 'validation_failed' });
      return;
    }
    if (option.exercise_style !== style) tally.styles.add((style = option.exercise_style));
    engine ??= engines.engine(used);
    const failure = evaluate(engine, option, wanted, buffer);
    if (failure === undefined) {
      writePriced(option, used, index, id);
      tally.add(used, 'ok');
    } else {
      write(failedRow({ ...option, ...(id !== undefined && { id }) }, 'pricing_calculation_failed', failure));
      tally.fail(used, { index, code: 'pricing_calculation_failed', detail: failure });
    }
  };

  const fail = (index: number, error: AppError): void => {
    const [field] = error.errors ?? [];
    const pointer = field && `/options/${index}${field.pointer}`;
    write(failedRow(options[index], error.code, field?.detail ?? error.message, pointer));
    tally.fail(model, { index, code: error.code });
    if (error.cause !== undefined) thrown ??= error;
  };

  const estimating = () => estimateSteps(areResolved(options) ? options.values() : resolvedRows(options), wanted);
  let estimate: WorkEstimate | undefined;

  return {
    format: 'objects',
    answer: 'json',
    size: options.length,
    answerBytes: bytesOfObjects({ count: options.length, bodyBytes, kind: kindOfRows(options) }, outputs),
    // The contracts of 100,000 rows take most of a second to read.
    prepare: function* () {
      estimate = yield* estimating();
    },
    estimate: () => (estimate ??= runAtOnce(estimating())),
    tally,
    run: (from, to) => {
      for (let index = from; index < to; index++) {
        try {
          price(options[index], index);
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
          if (error.code === 'pricing_model_unknown') model = undefined;
          fail(index, error);
        }
      }
    },
    fail: (index, error) => {
      const row = options[index];
      model = isRow(row) ? engines.known(modelOfRow(row)) : undefined;
      engine = undefined;
      fail(index, error);
    },
    thrown: () => thrown,
    // oxlint-disable-next-line require-yield -- the rows are written where they are priced, so one step is left
    finish: function* (computationTimeMs) {
      const { ok, invalid, failed } = totalsOf(tally);
      const counts = `"total_count":${options.length},"succeeded":${ok},"failed":${invalid + failed}`;
      flush();
      text.add(
        `],${units === 'market' ? '"units":"market",' : ''}${counts},"computation_time_ms":${computationTimeMs}}`,
      );
      return text.bytes();
    },
  };
};
