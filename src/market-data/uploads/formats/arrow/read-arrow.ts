import { createDictionary, type Dictionary } from '#src/kernel/arrow/dictionary.ts';
import { contradiction, notArrow } from '#src/kernel/arrow/faults.ts';
import { readBatch, readUncheckedBatch } from '#src/kernel/arrow/read-batch.ts';
import type { ArrowMessage } from '#src/kernel/arrow/read-messages.ts';
import type { ReadableType } from '#src/kernel/arrow/read-type.ts';
import { streamMessages } from '#src/kernel/arrow/stream-messages.ts';
import type { UploadColumn } from '../../columns.ts';
import type { Cell, ReadRows } from '../rows.ts';
import { cellsOf, createDayTexts } from './cells.ts';
import { readUploadFields, type UploadField } from './upload-fields.ts';

/**
 * One batch is in memory as a whole: about half a million rows of nine columns. pyarrow writes a table as one batch by
 * default, so a lower limit would refuse usual files.
 */
const maxBatchBytes = 33_554_432;
/** Enough for the symbols of a universe. Dictionaries stay in memory, so all of them together have this limit. */
const maxDictionaryBytes = 2_097_152;
/** Rows that are read before the event loop can get a turn; some milliseconds of work at most. */
const rowsPerTurn = 1_000;

/** The dictionaries of a stream, by id. @throws AppError `malformed_body` */
const createDictionaries = (fields: readonly UploadField[]) => {
  const types = new Map<bigint, readonly ReadableType[]>();
  for (const { type } of fields) {
    if (type.kind === 'dictionary') types.set(type.id, [{ kind: 'text', name: type.name, layout: type.texts }]);
  }
  const ignored = new Set(fields.map(({ ignoredDictionary }) => ignoredDictionary));
  const known = new Map<bigint, { readonly dictionary: Dictionary; bytes: number }>();
  return {
    read: (message: ArrowMessage): void => {
      const id = message.header.int64(0);
      const data = message.header.table(1);
      const type = types.get(id);
      if (type === undefined && ignored.has(id)) return;
      if (data === undefined || type === undefined) throw contradiction('a dictionary belongs to no column');
      const isDelta = message.header.uint8(2) !== 0;
      const entry = (isDelta ? known.get(id) : undefined) ?? { dictionary: createDictionary(), bytes: 0 };
      entry.bytes += message.body.length;
      entry.dictionary.append(readBatch(data, message, type)[0]!);
      known.set(id, entry);
      const bytes = [...known.values()].reduce((sum, each) => sum + each.bytes, 0);
      if (bytes > maxDictionaryBytes) throw contradiction('its dictionaries are too large');
    },
    of: (type: ReadableType): Dictionary | undefined => {
      if (type.kind !== 'dictionary') return undefined;
      return known.get(type.id)?.dictionary ?? createDictionary();
    },
  };
};

/** Apache Arrow's IPC stream, without compression. The number of a row is its line. */
export const readArrow: ReadRows = async function* (pieces, _refuse, turn) {
  const messages = streamMessages(pieces, { maxBatchBytes, maxDictionaryBytes });
  const first = await messages.next();
  if (first.done === true || first.value.kind !== 'schema') throw notArrow('it does not begin with a schema');
  const fields = readUploadFields(first.value.header);
  const types = fields.map(({ type }) => type);
  const dictionaries = createDictionaries(fields);
  const dayText = createDayTexts();
  const used = fields.flatMap(({ column }, index) => (column === undefined ? [] : [{ column, index }]));
  const columns: readonly UploadColumn[] = used.map(({ column }) => column);
  let before = 0;
  for await (const message of messages) {
    if (message.kind === 'schema') throw contradiction('it has a second schema');
    if (message.kind === 'dictionary') {
      dictionaries.read(message);
      continue;
    }
    const chunks = readUncheckedBatch(message.header, message, types);
    const rowCount = chunks[0]!.length;
    const cells = used.map(({ index }) => {
      const type = types[index]!;
      return cellsOf(type, chunks[index]!, dictionaries.of(type), dayText);
    });
    for (let start = 0; start < rowCount; start += rowsPerTurn) {
      const waiting = turn();
      if (waiting) await waiting;
      const end = Math.min(start + rowsPerTurn, rowCount);
      for (const { index } of used) chunks[index]!.texts.check(start, end);
      const lines: number[] = [];
      const rows: Cell[][] = [];
      for (let row = start; row < end; row += 1) {
        lines.push(before + row + 1);
        rows.push(cells.map((cellOf) => cellOf(row)));
      }
      yield { columns, lines, rows };
    }
    before += rowCount;
  }
};
