import type { FieldError } from '#src/kernel/catalogue/errors.ts';
import { columnError, columnKind, unknownColumn, type ColumnKind } from '../batch/columns/columns.ts';
import { invalidRequest } from '../request/failures.ts';
import { dividendTypeErrors } from './dividend-column.ts';
import { outputNames, type OutputName } from '../models/outputs.ts';
import { readUnits, unitsKey, type UnitSystem } from '../request/market-units.ts';
import { readOutputs } from '../request/read-option.ts';
import { contradiction, notArrow, unsupported } from '#src/kernel/arrow/faults.ts';
import type { FlatTable } from '#src/kernel/arrow/flat-table.ts';
import { ignoredType, readType, type ColumnType, type ReadableType } from '#src/kernel/arrow/read-type.ts';

type ArrowField = { readonly name: string; readonly type: ReadableType };
export type ArrowSchema = {
  readonly fields: readonly ArrowField[];
  readonly outputs: readonly OutputName[];
  readonly strictUnits: boolean;
  readonly units: UnitSystem;
  readonly preset: string | undefined;
  readonly ignoredDictionaries: ReadonlySet<bigint>;
};

/** Key of the schema metadata with the requested outputs, separated by commas. */
const outputsKey = 'volwatch.outputs';
/** Key of the schema metadata that makes values in a suspicious unit errors; `true` or `false`. */
const strictUnitsKey = 'volwatch.strict_units';
/** Key of the schema metadata with the name of a preset of the user. */
const presetKey = 'volwatch.preset';
/** Key of the schema metadata in which pandas lists the columns that hold its index. */
const pandasKey = 'pandas';
/**
 * Max columns of one stream. It is larger than the number of inputs, so that the errors can name each unknown column.
 */
const maxFields = 256;
const maxMetadataEntries = 1_000;
/** Longer than every known name. A longer name is unknown, so its rest is not decoded. */
const maxNameBytes = 128;
const maxValueBytes = 4_096;
/** pandas describes each column in its metadata, in about 200 bytes. */
const maxPandasBytes = 131_072;
const unnamedIndex = /^__index_level_\d+__$/;
/** Numbers of fields in the tables `Field` and `Schema`. */
const [fieldChildren, fieldMetadata, schemaFeatures] = [5, 6, 3];

type Metadata = Readonly<Record<'outputs' | 'strictUnits' | 'units' | 'preset' | 'pandas', string | undefined>>;

/** If a key is repeated, its last value counts. */
const readMetadata = (schema: FlatTable): Metadata => {
  const entries = schema.vector(2, 4);
  if (entries.count > maxMetadataEntries) {
    throw unsupported(`The schema may have at most ${maxMetadataEntries} entries of metadata`);
  }
  const last = new Map<string, FlatTable>();
  for (let index = 0; index < entries.count; index++) {
    const entry = schema.element(entries, index);
    last.set(entry.text(0, strictUnitsKey.length + 1), entry);
  }
  // Only values that count are decoded, because all entries can refer to the same bytes.
  const valueOf = (key: string, maxBytes: number): string | undefined => last.get(key)?.text(1, maxBytes);
  return {
    outputs: valueOf(outputsKey, maxValueBytes),
    strictUnits: valueOf(strictUnitsKey, maxValueBytes),
    units: valueOf(unitsKey, maxValueBytes)?.trim(),
    preset: valueOf(presetKey, maxNameBytes),
    pandas: valueOf(pandasKey, maxPandasBytes),
  };
};

/** The names of the columns that hold the index of a pandas data frame. */
const pandasIndexes = (pandas: string | undefined): ReadonlySet<string> => {
  if (pandas === undefined) return new Set();
  try {
    const { index_columns: columns } = JSON.parse(pandas) as { readonly index_columns?: unknown };
    // A range index is an object, because it has no column.
    return new Set(Array.isArray(columns) ? columns.filter((name): name is string => typeof name === 'string') : []);
  } catch {
    return new Set();
  }
};

const numberKinds = new Set<ColumnType['kind']>(['number', 'integer64', 'decimal', 'null']);
const textKinds = new Set<ColumnType['kind']>(['text', 'dictionary', 'null']);

const momentNames = new Set(['expiry', 'valuation_date']);

const listKinds = new Set<ColumnType['kind']>(['list', 'null']);
const kindsOf: Readonly<Record<ColumnKind, ReadonlySet<ColumnType['kind']>>> = {
  number: numberKinds,
  text: textKinds,
  id: new Set([...numberKinds, ...textKinds]),
  list: listKinds,
};

const isReadAs = (name: string, kind: ColumnKind, type: ColumnType): type is ReadableType =>
  (type.kind === 'moment' && momentNames.has(name)) || kindsOf[kind].has(type.kind);

const remedies = {
  number: 'a number column (float64, integers, decimals)',
  text: 'a text column (utf8, large_utf8, utf8_view or a dictionary of them)',
  id: 'a column of texts or numbers',
  list: 'a column of lists of objects with time (or date) and amount',
} as const;

const readStrict = (text: string | undefined): boolean | FieldError => {
  if (text === undefined) return false;
  const value = text.trim().toLowerCase();
  if (value === 'true' || value === 'false') return value === 'true';
  return columnError(strictUnitsKey, 'invalid_type', `${strictUnitsKey} of the schema metadata must be true or false`);
};

/** @returns the column, or the errors if this service cannot read it */
const readField = (name: string, type: ColumnType, isRepeated: boolean): ArrowField | FieldError[] => {
  const kind = columnKind(name);
  if (kind === undefined) return [unknownColumn(name)];
  if (isRepeated) return [columnError(name, 'unknown_member', `${name} comes twice: remove one of the columns`)];
  if (!isReadAs(name, kind, type)) {
    return [columnError(name, 'invalid_type', `${name} must be ${remedies[kind]}, not ${type.name}: cast it`)];
  }
  const errors = type.kind === 'list' ? dividendTypeErrors(name, type) : [];
  return errors.length > 0 ? errors : { name, type };
};

type SchemaColumn = {
  readonly name: string;
  readonly field: ArrowField | FieldError[];
  /** The dictionary of a column that is ignored. */
  readonly ignoredDictionary: bigint | undefined;
};

const readColumn = (table: FlatTable, names: ReadonlySet<string>, indexes: ReadonlySet<string>): SchemaColumn => {
  const name = table.text(0, maxNameBytes);
  // Unused parts are checked too, because every length that exceeds the message must be refused.
  table.vector(fieldMetadata, 4);
  const children = table.vector(fieldChildren, 4).count;
  const type = readType(table);
  const isIndex = unnamedIndex.test(name) || (indexes.has(name) && columnKind(name) === undefined);
  const skipped = isIndex ? ignoredType(table, type) : undefined;
  const field =
    skipped !== undefined && skipped.kind !== 'unsupported'
      ? { name, type: skipped }
      : readField(name, type, names.has(name));
  if (children > 0 && !Array.isArray(field) && field.type.kind !== 'list') {
    throw contradiction('a column of numbers or texts has columns inside it');
  }
  return { name, field, ignoredDictionary: isIndex ? table.table(4)?.int64(0) : undefined };
};

/**
 * The columns and the outputs that a schema declares.
 * @throws AppError `malformed_body`, `validation_failed`
 */
export const readSchema = (schema: FlatTable): ArrowSchema => {
  if (schema.int16(0) !== 0) throw unsupported('Big-endian Arrow streams are not read; send little-endian ones');
  schema.vector(schemaFeatures, 8);
  const vector = schema.vector(1, 4);
  if (vector.count === 0) throw notArrow('its schema has no columns');
  if (vector.count > maxFields) throw unsupported(`The schema may have at most ${maxFields} columns`);
  const metadata = readMetadata(schema);
  const strict = readStrict(metadata.strictUnits);
  const asked = readOutputs(
    metadata.outputs?.split(',').map((name) => name.trim()),
    outputNames,
    ['price'],
  );
  const errors: FieldError[] = Array.isArray(asked) ? [...asked] : [];
  if (typeof strict !== 'boolean') errors.push(strict);
  const units = readUnits(metadata, '/columns');
  if (Array.isArray(units)) errors.push(...units);
  const indexes = pandasIndexes(metadata.pandas);
  const ignoredDictionaries = new Set<bigint>();
  const names = new Set<string>();
  const fields: ArrowField[] = [];
  for (let index = 0; index < vector.count; index++) {
    const { name, field, ignoredDictionary } = readColumn(schema.element(vector, index), names, indexes);
    if (ignoredDictionary !== undefined) ignoredDictionaries.add(ignoredDictionary);
    if (Array.isArray(field)) errors.push(...field);
    else fields.push(field);
    names.add(name);
  }
  if (Array.isArray(units) || Array.isArray(asked) || typeof strict !== 'boolean') throw invalidRequest(errors);
  if (errors.length > 0) throw invalidRequest(errors);
  const { preset } = metadata;
  return { fields, outputs: asked.outputs, strictUnits: strict, units, preset, ignoredDictionaries };
};
