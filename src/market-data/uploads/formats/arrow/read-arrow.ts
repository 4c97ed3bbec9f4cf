import { contradiction, notArrow } from '#src/kernel/arrow/faults.ts';
import { createPartsLeft } from '#src/kernel/arrow/kept-parts.ts';
import { readBatch } from '#src/kernel/arrow/read-batch.ts';
import { streamMessages } from '#src/kernel/arrow/stream-messages.ts';
import type { UploadColumn } from '../../columns.ts';
import type { Cell, ReadRows } from '../rows.ts';
import { cellsOf, createDayTexts } from './cells.ts';
import { createKeptDictionaries, maxDictionaryBytes } from './kept-dictionaries.ts';
import { readUploadFields } from './upload-fields.ts';

/**
 * One batch is in memory as a whole: about half a million rows of nine columns. pyarrow writes a table as one batch by
 * default, so a lower limit would refuse usual files.
 */
const maxBatchBytes = 33_554_432;
/** Rows that are read before the event loop can get a turn; some milliseconds of work at most. */
const rowsPerTurn = 1_000;

/** Apache Arrow's IPC stream, without compression. The number of a row is its line. */
export const readArrow: ReadRows = async function* (pieces, _refuse, turn) {
  const messages = streamMessages(pieces, { maxBatchBytes, maxDictionaryBytes });
  const first = await messages.next();
  if (first.done === true || first.value.kind !== 'schema') throw notArrow('it does not begin with a schema');
  const fields = readUploadFields(first.value.header);
  const types = fields.map(({ type }) => type);
  const dictionaries = createKeptDictionaries(fields);
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
    const chunks = readBatch(message.header, message, types, createPartsLeft());
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
      yield { columns, named: columns, lines, rows };
    }
    before += rowCount;
  }
};
