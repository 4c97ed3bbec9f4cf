import { maxBatchRows } from '../batch/batch-row.ts';
import { checkSize, columnError, type Column, type ColumnRequest } from '../batch/columns/columns.ts';
import { idMember, isExactNumber } from '../batch/row-id.ts';
import { createDictionary, type Dictionary } from '#src/kernel/arrow/dictionary.ts';
import { contradiction, notArrow } from '#src/kernel/arrow/faults.ts';
import { dividendColumn } from './dividend-column.ts';
import { plainColumn } from './plain-column.ts';
import { createPartsLeft } from '#src/kernel/arrow/kept-parts.ts';
import { readBatch, type ColumnChunk } from '#src/kernel/arrow/read-batch.ts';
import { readMessages, type ArrowMessage } from '#src/kernel/arrow/read-messages.ts';
import { readSchema, type ArrowSchema } from './read-schema.ts';
import type { ReadableType } from '#src/kernel/arrow/read-type.ts';
import { dictionaryColumn, type DictionaryChunk } from './text-column.ts';
import { createTextMemory, type CountText } from './text-memory.ts';
import { invalidRequest } from '../request/failures.ts';
import { maxTextBytes } from '#src/kernel/arrow/texts.ts';

/** Reads the batches of a stream, and the dictionaries of their columns. */
const readBatches = (messages: Iterable<ArrowMessage>, { fields, ignoredDictionaries }: ArrowSchema) => {
  const types = fields.map(({ type }) => type);
  const dictionaries = new Map<bigint, Dictionary>();
  /** The type of the texts of each dictionary, as a schema of one column. */
  const dictionaryTypes = new Map<bigint, readonly ReadableType[]>();
  for (const type of types) {
    if (type.kind !== 'dictionary') continue;
    dictionaries.set(type.id, createDictionary());
    dictionaryTypes.set(type.id, [{ kind: 'text', name: type.name, layout: type.texts }]);
  }
  const chunks: ColumnChunk[][] = fields.map(() => []);
  const dictionaryChunks: DictionaryChunk[][] = fields.map(() => []);
  const left = createPartsLeft();
  let size = 0;

  const readDictionary = (message: ArrowMessage): void => {
    const { header } = message;
    const id = header.int64(0);
    const data = header.table(1);
    if (ignoredDictionaries.has(id)) return;
    const known = dictionaries.get(id);
    if (data === undefined || known === undefined) throw contradiction('a dictionary belongs to no column');
    const isDelta = header.uint8(2) !== 0;
    const dictionary = isDelta ? known : createDictionary();
    dictionary.append(readBatch(data, message, dictionaryTypes.get(id)!, left)[0]!);
    dictionaries.set(id, dictionary);
  };

  for (const message of messages) {
    if (message.kind === 'schema') throw contradiction('it has a second schema');
    if (message.kind === 'dictionary') readDictionary(message);
    else {
      const batch = readBatch(message.header, message, types, left);
      const rows = batch[0]!.length;
      size += rows;
      // This check must come before the first allocation with one element per row.
      if (size > maxBatchRows) checkSize(size);
      if (rows === 0) continue;
      batch.forEach((chunk, column) => {
        const type = types[column]!;
        if (type.kind === 'ignored') return;
        if (type.kind !== 'dictionary') chunks[column]!.push(chunk);
        else dictionaryChunks[column]!.push({ chunk, dictionary: dictionaries.get(type.id)! });
      });
    }
  }
  checkSize(size);
  return { size, chunks, dictionaryChunks };
};

const columnOf = (
  name: string,
  type: Exclude<ReadableType, { readonly kind: 'ignored' }>,
  chunks: readonly ColumnChunk[],
  dictionaryChunks: readonly DictionaryChunk[],
  size: number,
  countText: CountText,
): Column => {
  if (type.kind === 'list') return dividendColumn(name, type, chunks, size, countText);
  return type.kind === 'dictionary'
    ? dictionaryColumn(type.layout, dictionaryChunks, size, countText)
    : plainColumn(type, chunks, size, countText);
};

/** A longer text was cut when it was decoded, and a larger number was rounded, so they cannot be repeated in the answer. */
const checkIds = (ids: Column, size: number): void => {
  for (let index = 0; index < size; index++) {
    const id = ids.at(index);
    if (typeof id === 'number' && !isExactNumber(id)) {
      const detail = `id must be at most 2^53 - 1 as a number; row ${index} has more: send the column as utf8`;
      throw invalidRequest([columnError(idMember, 'out_of_range', detail)]);
    }
    if (typeof id !== 'string' || Buffer.byteLength(id) < maxTextBytes) continue;
    const detail = `id must have less than ${maxTextBytes} bytes in an Arrow stream; row ${index} has more`;
    throw invalidRequest([columnError(idMember, 'invalid_length', detail)]);
  }
};

/**
 * The columns of an Arrow IPC stream. Number columns are float32, float64, integers or decimals. Text columns are utf8,
 * large_utf8, utf8_view or dictionaries of them. Expiries and valuation dates may be dates or timestamps too. Dividends are
 * lists of objects. A column of type null has no values. A null cell means that its row does not have that input. Every
 * length, count and offset is checked against the bytes that are present before it is used, so the size of the stream
 * limits memory and time.
 * @throws AppError `malformed_body`, `validation_failed`
 */
export const readColumnsArrow = (bytes: Uint8Array): ColumnRequest => {
  const messages = readMessages(bytes);
  const first = messages.next();
  if (first.done === true || first.value.kind !== 'schema') throw notArrow('it does not begin with a schema');
  const schema = readSchema(first.value.header);
  const { size, chunks, dictionaryChunks } = readBatches(messages, schema);
  const columns = new Map<string, Column>();
  const countTexts = createTextMemory();
  schema.fields.forEach(({ name, type }, index) => {
    if (type.kind === 'ignored') return;
    columns.set(name, columnOf(name, type, chunks[index]!, dictionaryChunks[index]!, size, countTexts(name)));
  });
  const ids = columns.get(idMember);
  if (ids !== undefined) checkIds(ids, size);
  columns.delete(idMember);
  const { outputs, strictUnits, units, preset } = schema;
  return { table: { size, columns, fromEnvelope: new Set() }, outputs, strictUnits, units, preset, ids };
};
