import { readdirSync } from 'node:fs';
import test from 'ava';
import { streamMessages } from '#src/kernel/arrow/stream-messages.ts';
import { textsOfOffsets, textsOfViews, viewBytes } from '#src/kernel/arrow/texts.ts';
import { inParts } from '#src/kernel/streams/in-parts.ts';
import { createTurns } from '#src/kernel/streams/turns.ts';
import { readArrow } from '#src/market-data/uploads/formats/arrow/read-arrow.ts';
import { arrowStream } from '#testkit/arrow/arrow-support.ts';
import { messagesOf, patch, setSize, streamFile } from '#testkit/arrow/streams.ts';
import type { Item } from '../setup-http.ts';
import { setupUploads } from './setup.ts';

const arrow = { headers: { 'Content-Type': 'application/vnd.apache.arrow.stream' } };
const folder = new URL('../../../testkit/arrow/streams/prices/', import.meta.url);
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.arrow'))
  .map((name) => name.replace('.arrow', ''));
const bytesOf = (stream: Uint8Array): Uint8Array<ArrayBuffer> => Uint8Array.from(stream);

/** The rows that the format reads of a stream which arrives in pieces. */
const rowsOf = async (stream: Uint8Array, pieceBytes = 7): Promise<unknown[]> => {
  const pieces = async function* (): AsyncGenerator<Buffer> {
    for (let at = 0; at < stream.length; at += pieceBytes) yield Buffer.from(stream.subarray(at, at + pieceBytes));
  };
  const rows: unknown[] = [];
  for await (const batch of readArrow(inParts(pieces()), () => {}, createTurns().give)) rows.push(...batch.rows);
  return rows;
};

test('streams of pandas, polars and pyarrow have the same rows, whatever the size of the pieces', async (t) => {
  const expected = [
    ['AAA', '2024-01-02', 100, 10],
    ['AAA', '2024-01-03', 101, 20],
    ['BBB', '2024-01-02', 50, null],
    ['BBB', '2024-01-03', 49.5, 40],
  ];
  const readable = files.filter((name) => !name.startsWith('refused'));
  t.true(readable.length >= 12);
  for (const name of readable) {
    for (const pieceBytes of [1, 7, 100_000]) {
      const rows = (await rowsOf(streamFile(`prices/${name}`), pieceBytes)) as unknown[][];
      // The date index of pandas comes last, and one file has an empty column more.
      const ordered = rows.map((row) => {
        const [symbol, second] = row;
        if (typeof second === 'string') return row.slice(0, 4).map((cell) => (Number.isNaN(cell) ? null : cell));
        return [symbol, row[3], second, Number.isNaN(row[2]) ? null : row[2]];
      });
      t.deepEqual(ordered, expected, name);
    }
  }
});

test('features that are not read are refused with a remedy', async (t) => {
  for (const [name, message] of [
    ['refused-zone', /date must be dates, timestamps without a time zone.*Timestamp with a time zone: cast it/],
    ['refused-text-close', /close must be numbers, not (Large)?Utf8/],
    ['refused-zstd', /compressed with zstd/],
  ] as const) {
    await t.throwsAsync(rowsOf(streamFile(`prices/${name}`)), { message }, name);
  }
  await t.throwsAsync(rowsOf(Buffer.from('symbol,date,close\nAAA,2024-01-02,1\n')), { message: /not an Apache Arrow/ });
  await t.throwsAsync(rowsOf(streamFile('refused-file')), { message: /Arrow file; send the stream format/ });
  await t.throwsAsync(rowsOf(Buffer.alloc(0)), { message: /not an Apache Arrow/ });
  const unknown = arrowStream({ symbol: ['AAA'], date: ['2024-01-02'], close: [1], colour: [2] });
  await t.throwsAsync(rowsOf(unknown), { message: /Column 4 of the header is not known/ });
});

test('each cut and each changed byte of a stream is an error or rows, and never anything else', async (t) => {
  const stream = streamFile('prices/polars-categorical');
  let refused = 0;
  const tried = async (bytes: Uint8Array): Promise<void> => {
    try {
      await rowsOf(bytes, 4_096);
    } catch (error) {
      refused += 1;
      const { code } = error as { code?: string };
      t.true(['malformed_body', 'validation_failed', 'payload_too_large'].includes(String(code)), String(error));
    }
  };
  for (let end = 0; end < stream.length; end += 1) await tried(stream.subarray(0, end));
  t.true(refused > stream.length - 20, 'a cut is found');
  for (let at = 0; at < stream.length; at += 1) {
    const changed = Uint8Array.from(stream);
    changed[at] = changed[at]! ^ 0xff;
    await tried(changed);
  }
});

test('a body larger than a batch may be is refused before its bytes are awaited', async (t) => {
  const stream = streamFile('prices/polars');
  const huge = patch(stream, 'batch', ({ view }) => {
    // The length of the body is the only 64-bit value of the table Message.
    for (let at = 0; at + 8 <= view.byteLength; at += 4) {
      const size = view.getBigInt64(at, true);
      if (size === BigInt(bodyBytes)) return setSize(view, at, 2 ** 40);
    }
  });
  await t.throwsAsync(rowsOf(huge), { code: 'payload_too_large', message: /write smaller batches/ });
});
const bodyBytes = messagesBody('prices/polars');
function messagesBody(name: string): number {
  const stream = streamFile(name);
  let bytes = 0;
  patch(stream, 'batch', ({ body }) => {
    bytes = body.length;
  });
  return bytes;
}

test('dictionaries together have a limit', async (t) => {
  const stream = streamFile('prices/polars-categorical');
  const parts = messagesOf(stream);
  const end = parts.at(-1)!;
  const large = arrowStream(
    {
      symbol: Array.from({ length: 90_000 }, (_, row) => `SYMBOL-THAT-IS-LONG-${row}`),
      date: Array.from({ length: 90_000 }, () => '2024-01-02'),
      close: Array.from({ length: 90_000 }, () => 1),
    },
    { dictionary: true },
  );
  await t.throwsAsync(rowsOf(large, 65_536), { message: /dictionary.*at most|dictionaries are too large/ });
  t.true(end.length < 9);
});

test('only one message is in memory, so a stream of many batches needs no more than one', async (t) => {
  const parts = messagesOf(streamFile('prices/pyarrow-batches'));
  const batch = parts.find((part, index) => index > 0 && part.length > 100)!;
  const pieces = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from(parts[0]!);
    for (let count = 0; count < 20_000; count += 1) yield Buffer.from(batch);
  };
  let messages = 0;
  const limits = { maxBatchBytes: 1_000, maxDictionaryBytes: 1_000 };
  globalThis.gc?.();
  const before = process.memoryUsage().arrayBuffers;
  for await (const message of streamMessages(pieces(), limits)) messages += message.kind === 'batch' ? 1 : 0;
  t.is(messages, 20_000);
  t.true(process.memoryUsage().arrayBuffers - before < 50_000_000);
});

test('the rows of a large batch let other requests have their turn', async (t) => {
  const rows = 20_000;
  const column = <T>(value: T): T[] => Array.from({ length: rows }, () => value);
  const stream = Buffer.from(arrowStream({ symbol: column('AAA'), date: column('2024-01-02'), close: column(1) }));
  const pieces = async function* (): AsyncGenerator<Buffer> {
    yield stream;
  };
  let read = 0;
  let since = 0;
  const turn = (): undefined => {
    t.true(read - since <= 1_000);
    since = read;
  };
  for await (const batch of readArrow(pieces(), () => {}, turn)) read += batch.rows.length;
  t.is(read, rows);
});

test('the offsets of a large batch are checked with the rows that they belong to', async (t) => {
  const rows = 20_000;
  const column = <T>(value: T): T[] => Array.from({ length: rows }, () => value);
  const stream = arrowStream({ symbol: column('AAA'), date: column('2024-01-02'), close: column(1) });
  /** The end of the last symbol is outside of its buffer. */
  const broken = patch(stream, 'batch', ({ header, view, body }) => {
    const offsets = Number(view.getBigInt64(header.vector(2, 16).start + 16, true));
    new DataView(body.buffer, body.byteOffset).setInt32(offsets + 4 * rows, 2 ** 30, true);
  });
  const pieces = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from(broken);
  };
  let read = 0;
  const readAll = async (): Promise<void> => {
    for await (const batch of readArrow(pieces(), () => {}, createTurns().give)) read += batch.rows.length;
  };
  await t.throwsAsync(readAll(), { code: 'malformed_body', message: /a text ends outside its buffer/ });
  t.is(read, 19_000, 'the rows before it were read, so the check of all texts was not one step');
});

test('a part of the texts is checked alone, whatever their layout', (t) => {
  const outside = { code: 'malformed_body', message: /a text ends outside its buffer/ };
  const source = Buffer.from('abcd');
  const views = Buffer.alloc(3 * viewBytes);
  views.writeInt32LE(13, 2 * viewBytes);
  for (const texts of [
    textsOfOffsets(Int32Array.of(0, 1, 2, 5), source),
    textsOfOffsets(BigInt64Array.of(0n, 1n, 2n, 1n), source),
    textsOfOffsets(Int32Array.of(0, 1, 2, -1), source),
    textsOfViews(views, { bytes: source, ranges: Float64Array.of(0, source.length) }, () => true),
  ]) {
    t.notThrows(() => texts.check(0, 2));
    t.throws(() => texts.check(2, 3), outside);
    t.throws(() => texts.check(0, 3), outside);
  }
  t.throws(() => textsOfOffsets(Int32Array.of(-1, 1), source).check(0, 1), outside);
});

test('a dictionary of the index that pandas writes is ignored', async (t) => {
  const columns = { symbol: ['AAA', 'BBB'], date: ['2024-01-02', '2024-01-02'], close: [100, 50] };
  const expected = await rowsOf(arrowStream(columns));
  for (const streamed of [
    { ...columns, __index_level_0__: ['x', 'y'] },
    { __index_level_0__: ['x', 'y'], ...columns },
  ]) {
    t.deepEqual(await rowsOf(arrowStream(streamed, { dictionary: true })), expected);
  }
  const parts = messagesOf(arrowStream(columns, { dictionary: true }));
  const foreign = messagesOf(arrowStream({ ...columns, __index_level_0__: ['x', 'y'] }, { dictionary: true }));
  // The schema of the first stream does not know the third dictionary of the second one.
  const unknown = Buffer.concat([parts[0]!, ...foreign.slice(1)]);
  await t.throwsAsync(rowsOf(unknown), { message: /a dictionary belongs to no column/ });
});

test.serial('an Arrow stream is stored as a CSV is, also in a form, with the rows of a fault by number', async (t) => {
  const { send, closes, kinds } = await setupUploads(t);
  const expected = ['AAA 2024-01-02 100', 'AAA 2024-01-03 101', 'BBB 2024-01-02 50', 'BBB 2024-01-03 49.5'];
  for (const name of ['polars', 'pandas-category', 'pyarrow-decimal']) {
    const { status, body } = await send(bytesOf(streamFile(`prices/${name}`)), { ...arrow, query: '?mode=replace' });
    t.is(status, 200, JSON.stringify(body));
    t.like(body, { status: 'succeeded', rows_read: 4, rows_written: 4 });
    t.deepEqual(await closes(), expected);
  }
  const form = new FormData();
  form.set('file', new File([bytesOf(streamFile('prices/polars'))], 'prices.arrow'));
  t.is((await send(form)).status, 200);
  const wrong = arrowStream({
    symbol: ['AAA', 'CCC', null, 'AAA', 'AAA'],
    date: ['2024-01-04', '2024-01-04', '2024-01-04', '2024-02-30', '2024-01-05'],
    close: [1, 1, 1, 1, -1],
  });
  const refused = await send(bytesOf(wrong), arrow);
  t.is(refused.status, 422);
  t.deepEqual(
    (refused.body['errors'] as Item[]).map(({ line, code }) => [line, code]),
    [
      [2, 'unknown_symbol'],
      [3, 'missing_value'],
      [4, 'invalid_date'],
      [5, 'out_of_range'],
    ],
  );
  const broken = await send(bytesOf(streamFile('prices/polars').subarray(0, 900)), arrow);
  t.is(broken.status, 400);
  t.is(broken.body['code'], 'malformed_body');
  t.deepEqual(kinds, ['arrow_invalid']);
  t.deepEqual(await closes(), expected);
});
