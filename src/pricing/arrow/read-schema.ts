import type { FieldError } from '#src/kernel/catalogue/errors.ts';
import { columnError, columnKind } from '../batch/columns.ts';
import { invalidRequest } from '../request/failures.ts';
import { outputNames, type OutputName } from '../models/outputs.ts';
import { readOutputs } from '../request/read-option.ts';
import { contradiction, notArrow, unsupported } from './faults.ts';
import type { FlatTable } from './flat-table.ts';
import { readType, type ColumnType, type ReadableType } from './read-type.ts';

type ArrowField = { readonly name: string; readonly type: ReadableType };
export type ArrowSchema = { readonly fields: readonly ArrowField[]; readonly outputs: readonly OutputName[] };

/** Key of the schema metadata with the requested outputs, separated by commas. */
const outputsKey = 'volwatch.outputs';
/**
 * Max columns of one stream. It is larger than the number of inputs, so that the errors can name each unknown column.
 */
const maxFields = 256;
const maxMetadataEntries = 1_000;
/** Longer than every known name. A longer name is unknown, so its rest is not decoded. */
const maxNameBytes = 128;
const maxOutputsBytes = 4_096;
/** Numbers of fields in the tables `Field` and `Schema`. */
const [fieldChildren, fieldMetadata, schemaFeatures] = [5, 6, 3];

/** If the key is repeated, its last value counts. */
const listedOutputs = (schema: FlatTable): string | undefined => {
  const entries = schema.vector(2, 4);
  if (entries.count > maxMetadataEntries) {
    throw unsupported(`The schema may have at most ${maxMetadataEntries} entries of metadata`);
  }
  let listed: string | undefined;
  for (let index = 0; index < entries.count; index++) {
    const entry = schema.element(entries, index);
    if (entry.text(0, outputsKey.length + 1) === outputsKey) listed = entry.text(1, maxOutputsBytes);
  }
  return listed;
};

const isReadAs = (kind: 'number' | 'text', type: ColumnType): type is ReadableType =>
  kind === 'number' ? type.kind === 'number' : type.kind === 'utf8' || type.kind === 'dictionary';

/** @returns the column, or the error if this service cannot read it */
const readField = (name: string, type: ColumnType, isRepeated: boolean): ArrowField | FieldError => {
  const kind = columnKind(name);
  if (kind === undefined) return columnError(name, 'unknown_member', 'No such input');
  if (isRepeated) return columnError(name, 'unknown_member', 'The column comes twice');
  if (isReadAs(kind, type)) return { name, type };
  return columnError(name, 'invalid_type', `${name} must be a ${kind} column, not ${type.name}`);
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
  const listed = listedOutputs(schema);
  const asked = readOutputs(
    listed?.split(',').map((name) => name.trim()),
    outputNames,
    ['price'],
  );
  const errors: FieldError[] = Array.isArray(asked) ? [...asked] : [];
  const names = new Set<string>();
  const fields: ArrowField[] = [];
  for (let index = 0; index < vector.count; index++) {
    const table = schema.element(vector, index);
    const name = table.text(0, maxNameBytes);
    // Unused parts are checked too, because every length that exceeds the message must be refused.
    table.vector(fieldMetadata, 4);
    const children = table.vector(fieldChildren, 4).count;
    const field = readField(name, readType(table), names.has(name));
    if (!('type' in field)) errors.push(field);
    else if (children > 0) throw contradiction('a column of numbers or texts has columns inside it');
    else fields.push(field);
    names.add(name);
  }
  if (errors.length > 0 || Array.isArray(asked)) throw invalidRequest(errors);
  return { fields, outputs: asked.outputs };
};
