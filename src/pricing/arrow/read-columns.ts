import type { Steps } from '#src/kernel/streams/turns.ts';
import { maxBatchRows } from '../batch/batch-row.ts';
import { checkSize, columnError, type Column, type ColumnRequest } from '../batch/columns/columns.ts';
import { idMember, isExactNumber } from '../batch/row-id.ts';
import { createDictionary, type Dictionary } from '#src/kernel/arrow/dictionary.ts';
import { contradiction, notArrow } from '#src/kernel/arrow/faults.ts';
import { dividendColumn } from './dividend-column.ts';
import { plainColumn } from './plain-column.ts';
import { createPartsLeft } from '#src/kernel/arrow/kept-parts.ts';
import { checkTexts, readBatch, type ColumnChunk } from '#src/kernel/arrow/read-batch.ts';
import { readMessages, type ArrowMessage } from '#src/kernel/arrow/read-messages.ts';
import { readSchema, type ArrowSchema } from './read-schema.ts';
import type { ReadableType } from '#src/kernel/arrow/read-type.ts';
import { inRowSteps } from '#src/kernel/arrow/row-steps.ts';
import { dictionaryColumn, type DictionaryChunk } from './text-column.ts';
import { createTextMemory, type CountText } from './text-memory.ts';
import { invalidRequest } from '../request/failures.ts';
import { maxTextBytes } from '#src/kernel/arrow/texts.ts';

/** A batch has at most 256 columns, so a step takes some milliseconds at most. */
const messagesPerStep = 16;

/** Reads the batches of a stream, and the dictionaries of their columns. */
const readBatches = function* (messages: Iterable<ArrowMessage>, { fields, ignoredDictionaries }: ArrowSchema) {
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

  const readDictionary = function* (message: ArrowMessage): Steps {
    const { header } = message;
    const id = header.int64(0);
    const data = header.table(1);
    if (ignoredDictionaries.has(id)) return;
    const known = dictionaries.get(id);
    if (data === undefined || known === undefined) throw contradiction('a dictionary belongs to no column');
    const isDelta = header.uint8(2) !== 0;
    const dictionary = isDelta ? known : createDictionary();
    const entries = readBatch(data, message, dictionaryTypes.get(id)!, left);
    yield* checkTexts(entries);
    dictionary.append(entries[0]!);
    dictionaries.set(id, dictionary);
  };

  let count = 0;
  for (const message of messages) {
    if (message.kind === 'schema') throw contradiction('it has a second schema');
    if (++count % messagesPerStep === 0) yield;
    if (message.kind === 'dictionary') {
      yield* readDictionary(message);
      continue;
    }
    const batch = readBatch(message.header, message, types, left);
    const rows = batch[0]!.length;
    size += rows;
    // This check must come before the first allocation with one element per row.
    if (size > maxBatchRows) checkSize(size);
    yield* checkTexts(batch);
    if (rows === 0) continue;
    batch.forEach((chunk, column) => {
      const type = types[column]!;
      if (type.kind === 'ignored') return;
      if (type.kind !== 'dictionary') chunks[column]!.push(chunk);
      else dictionaryChunks[column]!.push({ ...chunk, dictionary: dictionaries.get(type.id)! });
    });
  }
  checkSize(size);
  return { size, chunks, dictionaryChunks };
};

const columnOf = function* (
  name: string,
  type: Exclude<ReadableType, { readonly kind: 'ignored' }>,
  chunks: readonly ColumnChunk[],
  dictionaryChunks: readonly DictionaryChunk[],
  size: number,
  countText: CountText,
): Steps<Column> {
  if (type.kind === 'list') return yield* dividendColumn(name, type, chunks, size, countText);
  return type.kind === 'dictionary'
    ? yield* dictionaryColumn(type.layout, dictionaryChunks, size, countText)
    : yield* plainColumn(type, chunks, size, countText);
};

/** A longer text was cut when it was decoded, and a larger number was rounded, so they cannot be repeated in the answer. */
const checkId = (id: unknown, index: number): void => {
  if (typeof id === 'number' && !isExactNumber(id)) {
    const detail = `id must be at most 2^53 - 1 as a number; row ${index} has more: send the column as utf8`;
    throw invalidRequest([columnError(idMember, 'out_of_range', detail)]);
  }
  if (typeof id !== 'string' || Buffer.byteLength(id) < maxTextBytes) return;
  const detail = `id must have less than ${maxTextBytes} bytes in an Arrow stream; row ${index} has more`;
  throw invalidRequest([columnError(idMember, 'invalid_length', detail)]);
};
const checkIds = (ids: Column, size: number): Steps =>
  inRowSteps([{ length: size }], () => (start, end) => {
    for (let index = start; index < end; index++) checkId(ids.at(index), index);
  });

/**
 * The columns of an Arrow IPC stream. Number columns are float32, float64, integers or decimals. Text columns are utf8,
 * large_utf8, utf8_view or dictionaries of them. Expiries and valuation dates may be dates or timestamps too. Dividends are
 * lists of objects. A column of type null has no values. A null cell means that its row does not have that input. Every
 * length, count and offset is checked against the bytes that are present before it is used, so the size of the stream
 * limits memory and time. A stream of 64 MB takes seconds, so it is read in steps.
 * @throws AppError `malformed_body`, `validation_failed`
 */
export const readArrowSteps = function* (bytes: Uint8Array): Steps<ColumnRequest> {
  const messages = readMessages(bytes);
  const first = messages.next();
  if (first.done === true || first.value.kind !== 'schema') throw notArrow('it does not begin with a schema');
  const schema = readSchema(first.value.header);
  const { size, chunks, dictionaryChunks } = yield* readBatches(messages, schema);
  const columns = new Map<string, Column>();
  const countTexts = createTextMemory();
  for (const [index, { name, type }] of schema.fields.entries()) {
    if (type.kind === 'ignored') continue;
    columns.set(name, yield* columnOf(name, type, chunks[index]!, dictionaryChunks[index]!, size, countTexts(name)));
    yield;
  }
  const ids = columns.get(idMember);
  if (ids !== undefined) yield* checkIds(ids, size);
  columns.delete(idMember);
  const { outputs, strictUnits, units, preset } = schema;
  return { table: { size, columns, fromEnvelope: new Set() }, outputs, strictUnits, units, preset, ids };
};
