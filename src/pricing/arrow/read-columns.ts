import { maxBatchRows } from '../batch/batch-row.ts';
import { checkSize, type Column, type ColumnRequest } from '../batch/columns.ts';
import { createDictionary, type Dictionary } from './dictionary.ts';
import { contradiction, notArrow } from './faults.ts';
import { numberColumn } from './number-column.ts';
import { readBatch, type ColumnChunk } from './read-batch.ts';
import { readMessages, type ArrowMessage } from './read-messages.ts';
import { readSchema, type ArrowSchema } from './read-schema.ts';
import type { ReadableType } from './read-type.ts';
import { dictionaryColumn, utf8Column, type DictionaryChunk } from './text-column.ts';

const utf8: readonly ReadableType[] = [{ kind: 'utf8', name: 'Utf8' }];

/** Reads the batches of a stream, and the dictionaries of their columns. */
const readBatches = (messages: Iterable<ArrowMessage>, { fields }: ArrowSchema) => {
  const types = fields.map(({ type }) => type);
  const dictionaries = new Map<bigint, Dictionary>();
  for (const type of types) if (type.kind === 'dictionary') dictionaries.set(type.id, createDictionary());
  const chunks: ColumnChunk[][] = fields.map(() => []);
  const dictionaryChunks: DictionaryChunk[][] = fields.map(() => []);
  let size = 0;

  const readDictionary = (message: ArrowMessage): void => {
    const { header } = message;
    const id = header.int64(0);
    const data = header.table(1);
    const known = dictionaries.get(id);
    if (data === undefined || known === undefined) throw contradiction('a dictionary belongs to no column');
    const isDelta = header.uint8(2) !== 0;
    const dictionary = isDelta ? known : createDictionary();
    dictionary.append(readBatch(data, message, utf8)[0]!);
    dictionaries.set(id, dictionary);
  };

  for (const message of messages) {
    if (message.kind === 'schema') throw contradiction('it has a second schema');
    if (message.kind === 'dictionary') readDictionary(message);
    else {
      const batch = readBatch(message.header, message, types);
      const rows = batch[0]!.length;
      size += rows;
      // This check must come before the first allocation with one element per row.
      if (size > maxBatchRows) checkSize(size);
      if (rows === 0) continue;
      batch.forEach((chunk, column) => {
        const type = types[column]!;
        if (type.kind !== 'dictionary') chunks[column]!.push(chunk);
        else dictionaryChunks[column]!.push({ chunk, dictionary: dictionaries.get(type.id)! });
      });
    }
  }
  checkSize(size);
  return { size, chunks, dictionaryChunks };
};

/**
 * The columns of an Arrow IPC stream. Number columns are float32, float64 or integers of up to 32 bits. Text columns
 * are utf8 or dictionaries of utf8. A null cell means that its row does not have that input. Every length, count and
 * offset is checked against the bytes that are present before it is used, so the size of the stream limits memory and
 * time.
 * @throws AppError `malformed_body`, `validation_failed`
 */
export const readColumnsArrow = (bytes: Uint8Array): ColumnRequest => {
  const messages = readMessages(bytes);
  const first = messages.next();
  if (first.done === true || first.value.kind !== 'schema') throw notArrow('it does not begin with a schema');
  const schema = readSchema(first.value.header);
  const { size, chunks, dictionaryChunks } = readBatches(messages, schema);
  const columns = new Map<string, Column>();
  schema.fields.forEach(({ name, type }, index) => {
    if (type.kind === 'number') columns.set(name, numberColumn(type, chunks[index]!, size));
    else if (type.kind === 'utf8') columns.set(name, utf8Column(chunks[index]!, size));
    else columns.set(name, dictionaryColumn(type.layout, dictionaryChunks[index]!, size));
  });
  return { table: { size, columns }, outputs: schema.outputs };
};
