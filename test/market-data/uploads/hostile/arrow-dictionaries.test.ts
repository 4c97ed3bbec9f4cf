import { DateDay, Float64 } from 'apache-arrow';
import test from 'ava';
import { readArrow } from '#src/market-data/uploads/formats/arrow/read-arrow.ts';
import { batchMessage, dictionaryMessage, dictionaryOfViews, schemaMessage } from '#testkit/arrow/messages.ts';
import { mebibyte } from '#testkit/measures/processes.ts';
import { setupUploads } from '../setup.ts';

const schema = Buffer.from(schemaMessage({ symbol: dictionaryOfViews(0), date: new DateDay(), close: new Float64() }));
const none = Buffer.alloc(0);
const day = Buffer.alloc(4);
day.writeInt32LE(19_724);
const close = Buffer.alloc(8);
close.writeDoubleLE(100);
/** The first symbol of the dictionary. */
const row = batchMessage({
  rows: 1,
  nodes: Array.from({ length: 3 }, () => [1, 0] as const),
  buffers: [none, Buffer.alloc(4), none, day, none, close],
});

/** Reads a stream of `count` times the messages. @returns the symbols, the pieces that were asked for, and the growth of the heap */
const read = async (messages: readonly Buffer[], count: number) => {
  const before = process.memoryUsage().heapUsed;
  const result = { symbols: [] as unknown[], repeats: 0, grown: 0, error: undefined as unknown };
  const pieces = async function* (): AsyncGenerator<Buffer> {
    yield schema;
    for (; result.repeats < count; result.repeats += 1) {
      result.grown = Math.max(result.grown, process.memoryUsage().heapUsed - before);
      if (result.grown > 256 * mebibyte) throw new Error('the heap has grown by 256 MiB');
      yield* messages;
    }
  };
  try {
    for await (const { rows } of readArrow(
      pieces(),
      () => {},
      () => undefined,
    )) {
      result.symbols.push(...rows.map(([symbol]) => symbol));
    }
  } catch (error) {
    result.error = error;
  }
  return result;
};

const tooLarge = /at most 2097152 bytes together.*1024 bytes for each part count: send each dictionary in one part/;
const tooManyBuffers = /at most 100000 buffers: combine their chunks/;

test.serial('thousands of empty buffers of views in the metadata of kept dictionaries are refused', async (t) => {
  const { error, repeats, grown } = await read([dictionaryMessage('AAA', { emptyBuffers: 65_000 })], 300);
  t.like(error, { code: 'validation_failed', abuse: 'body_structure' });
  t.regex(String(error), tooManyBuffers);
  t.is(repeats, 1, 'the second one is refused');
  t.true(grown < 64 * mebibyte, `${grown} bytes`);
});

test.serial('very many tiny parts of a dictionary are refused', async (t) => {
  const { error, repeats, grown } = await read([dictionaryMessage('AAA')], 100_000);
  t.like(error, { code: 'payload_too_large', abuse: 'body_structure' });
  t.regex(String(error), tooLarge);
  t.true(repeats > 1_500 && repeats < 2_048, `${repeats} parts`);
  t.true(grown < 64 * mebibyte, `${grown} bytes`);
});

test.serial(
  'a dictionary may grow with each of a thousand batches, and be replaced with each of many more',
  async (t) => {
    const grown = await read([dictionaryMessage('AAA'), row], 1_000);
    t.is(grown.error, undefined);
    t.deepEqual([...new Set(grown.symbols)], ['AAA']);
    const replaced = await read([dictionaryMessage('BBB', { isDelta: false, emptyBuffers: 40 }), row], 5_000);
    t.is(replaced.error, undefined);
    t.deepEqual([replaced.symbols.length, ...new Set(replaced.symbols)], [5_000, 'BBB']);
  },
);

test.serial('an upload with such dictionaries is refused, counted as abuse, and changes nothing', async (t) => {
  const { send, closes, kinds } = await setupUploads(t);
  for (const [emptyBuffers, count, status, code, detail] of [
    [65_000, 20, 422, 'validation_failed', tooManyBuffers],
    [0, 2_048, 413, 'payload_too_large', tooLarge],
  ] as const) {
    const part = dictionaryMessage('AAA', { emptyBuffers });
    const answer = await send(new Uint8Array(Buffer.concat([schema, ...Array.from({ length: count }, () => part)])), {
      headers: { 'Content-Type': 'application/vnd.apache.arrow.stream' },
    });
    t.is(answer.status, status);
    t.is(answer.body['code'], code);
    t.regex(String(answer.body['detail']), detail);
  }
  t.deepEqual(kinds, ['body_structure', 'body_structure']);
  t.deepEqual(await closes(), []);
});
