import { Float64, Utf8, type DataType } from 'apache-arrow';
import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { maxChunks } from '#src/kernel/arrow/kept-parts.ts';
import { readArrowSteps } from '#src/pricing/arrow/read-columns.ts';
import { readColumnsArrow } from '#testkit/arrow/read-columns.ts';
import { batchMessage, dictionaryMessage, dictionaryOfViews, schemaMessage } from '#testkit/arrow/messages.ts';
import { mebibyte } from '#testkit/measures/processes.ts';

const none = Buffer.alloc(0);
const numberNames = ['spot', 'strike', 'rate', 'volatility', 'time_to_expiry', 'dividend_yield', 'barrier', 'rebate'];
const textNames = ['option_type', 'exercise_style', 'model', 'precision', 'barrier_type', 'symbol', 'contract', 'id'];
const columns = numberNames.length + textNames.length;
const schemaOf = (names: readonly string[], type: DataType) =>
  Object.fromEntries(names.map((name) => [name, type] as const));
const schema = schemaMessage({ ...schemaOf(numberNames, new Float64()), ...schemaOf(textNames, new Utf8()) });
const number = Buffer.alloc(8);
/** Bitmaps of one byte, so that the numbers after them are not aligned and must be copied. */
const batch = batchMessage({
  rows: 1,
  nodes: Array.from({ length: columns }, () => [1, 1] as const),
  buffers: [
    ...numberNames.flatMap(() => [Buffer.alloc(1), number]),
    ...textNames.flatMap(() => [Buffer.alloc(1), Buffer.alloc(8), none]),
  ],
});
const streamOf = (message: Uint8Array, count: number, start: Uint8Array = schema): Uint8Array =>
  Buffer.concat([start, ...Array.from({ length: count }, () => message)]);

const refusal = {
  code: 'validation_failed',
  abuse: 'body_structure',
  errors: [{ pointer: '/columns', code: 'unsupported' }],
} as const;
const detail = /at most 20000 chunks \(batches times columns, and dictionaries\): combine its batches/;

test('very many batches of one row with many columns are refused before they take much memory', (t) => {
  const bytes = streamOf(batch, 10_000 - 1);
  const before = process.memoryUsage().heapUsed;
  const error = t.throws(() => readColumnsArrow(bytes), { instanceOf: AppError });
  const grown = process.memoryUsage().heapUsed - before;
  t.like(error, refusal);
  t.regex(error.message, detail);
  t.true(grown < 64 * mebibyte, `${grown} bytes`);
});

test('batches that have the max of chunks together are accepted', (t) => {
  const count = maxChunks / columns;
  const bytes = streamOf(batch, count);
  t.is(readColumnsArrow(bytes).table.size, count);
  t.true([...readArrowSteps(bytes)].length > maxChunks / 100, 'they are read in steps');
  t.throws(() => readColumnsArrow(streamOf(batch, count + 1)), { message: detail });
});

test('batches of a column that is ignored count, because they take time', (t) => {
  const ignored = schemaOf(
    Array.from({ length: 99 }, (_, index) => `__index_level_${index}__`),
    new Float64(),
  );
  const message = batchMessage({
    rows: 1,
    nodes: Array.from({ length: 100 }, () => [1, 0] as const),
    buffers: Array.from({ length: 100 }, () => [none, number]).flat(),
  });
  const start = schemaMessage({ spot: new Float64(), ...ignored });
  t.is(readColumnsArrow(streamOf(message, 200, start)).table.size, 200);
  t.throws(() => readColumnsArrow(streamOf(message, 201, start)), { message: detail });
});

for (const isDelta of [true, false]) {
  test(`parts of dictionaries count as chunks: ${isDelta ? 'of one that grows' : 'of one that is replaced'}`, (t) => {
    const numbers = ['spot', 'strike', 'rate'];
    const start = schemaMessage({ symbol: dictionaryOfViews(0), ...schemaOf(numbers, new Float64()) });
    const row = batchMessage({
      rows: 1,
      nodes: Array.from({ length: 4 }, () => [1, 0] as const),
      buffers: [none, Buffer.alloc(4), ...numbers.flatMap(() => [none, number])],
    });
    const part = Buffer.concat([dictionaryMessage('AAA', { isDelta }), row]);
    const bytes = streamOf(part, maxChunks / 5, start);
    const before = process.memoryUsage().heapUsed;
    const { table } = readColumnsArrow(bytes);
    const grown = process.memoryUsage().heapUsed - before;
    t.is(table.columns.get('symbol')?.at(table.size - 1), 'AAA');
    t.true(grown < 64 * mebibyte, `${grown} bytes`);
    t.throws(() => readColumnsArrow(streamOf(part, maxChunks / 5 + 1, start)), { message: detail });
  });
}
