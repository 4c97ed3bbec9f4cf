import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { runInRequest, type RequestContext } from '#src/kernel/requests/request-context.ts';
import { readColumnsArrow } from '#testkit/arrow/read-columns.ts';
import { readSchema } from '#src/pricing/arrow/read-schema.ts';
import type { FlatTable } from '#src/kernel/arrow/flat-table.ts';
import { createPartsLeft } from '#src/kernel/arrow/kept-parts.ts';
import { readBatch } from '#src/kernel/arrow/read-batch.ts';
import { maxMessages, readMessages, type ArrowMessage } from '#src/kernel/arrow/read-messages.ts';
import { arrowStream, columnsOf } from '#testkit/arrow/arrow-support.ts';
import { call, setup } from '../setup.ts';
import { messagesOf, patch, setSize, streamFile, withSharedMetadata } from '#testkit/arrow/streams.ts';

const utf8 = streamFile('utf8');
const dictionary = streamFile('dictionary');
const nulls = streamFile('nulls');
const entryBytes = 16;

/** Changes entry `index` of the nodes (vector 1) or buffers (vector 2) of the first batch. */
const entry =
  (vector: 1 | 2, index: number, part: 0 | 8, value: number) =>
  ({ header, view }: ArrowMessage): void =>
    setSize(view, header.vector(vector, entryBytes).start + entryBytes * index + part, value);
/** Changes the number of elements of a vector. */
const count =
  (vector: number, value: number) =>
  ({ header, view }: ArrowMessage): void =>
    view.setUint32(header.vector(vector, 0).start - 4, value, true);
const offsetOf = ({ header, view }: ArrowMessage, buffer: number): number =>
  Number(view.getBigInt64(header.vector(2, entryBytes).start + entryBytes * buffer, true));

const frames = streamFile('frames/polars-ids');
/** Changes the first view of the last column, whose texts are in one buffer after the views. */
const setView = (message: ArrowMessage, part: 0 | 8 | 12, value: number): void => {
  const views = offsetOf(message, message.header.vector(2, entryBytes).count - 2);
  new DataView(message.body.buffer, message.body.byteOffset).setInt32(views + part, value, true);
};

const lists = streamFile('frames/pandas-dividends');
/** The columns before `dividends` have 18 buffers, those of the list are its bitmap, its offsets and those of its items. */
const [listNode, listOffsets] = [6, 6 * 2 + 2];
const setOffset = (message: ArrowMessage, row: number, value: number): void => {
  const at = offsetOf(message, listOffsets) + 4 * row;
  new DataView(message.body.buffer, message.body.byteOffset).setInt32(at, value, true);
};

const contradictions: Readonly<Record<string, readonly [Uint8Array, RegExp]>> = {
  'a column with more rows than its batch': [patch(utf8, 'batch', entry(1, 0, 0, 13)), /differ in length/],
  'a negative number of rows': [patch(utf8, 'batch', entry(1, 0, 0, -1)), /negative/],
  'more nulls than rows': [patch(utf8, 'batch', entry(1, 0, 8, 13)), /differ in length/],
  'nulls without a bitmap': [patch(utf8, 'batch', entry(1, 0, 8, 1)), /shorter than its column/],
  'a buffer that is too short': [patch(utf8, 'batch', entry(2, 1, 8, 95)), /shorter than its column/],
  'a buffer beyond the end': [patch(utf8, 'batch', entry(2, 1, 8, 2 ** 40)), /outside its message/],
  'a buffer that begins beyond the end': [patch(utf8, 'batch', entry(2, 1, 0, 2 ** 50)), /outside its message/],
  'a buffer inside another': [patch(utf8, 'batch', entry(2, 3, 0, 0)), /overlap/],
  'fewer columns than the schema': [patch(utf8, 'batch', count(1, 5)), /columns of its schema/],
  'a huge number of columns': [patch(utf8, 'batch', count(1, 2 ** 31)), /outside the message/],
  'fewer buffers than columns': [patch(utf8, 'batch', count(2, 3)), /too few buffers/],
  'a huge number of fields': [patch(utf8, 'schema', count(1, 2 ** 30)), /outside the message/],
  'a text that ends outside its buffer': [
    patch(utf8, 'batch', (message) =>
      new DataView(message.body.buffer, message.body.byteOffset).setInt32(offsetOf(message, 11) + 48, 2 ** 20, true),
    ),
    /text ends outside/,
  ],
  'texts in descending order': [
    patch(utf8, 'batch', (message) =>
      new DataView(message.body.buffer, message.body.byteOffset).setInt32(offsetOf(message, 11) + 8, 0, true),
    ),
    /text ends outside/,
  ],
  'an index outside its dictionary': [
    patch(dictionary, 'batch', (message) => (message.body[offsetOf(message, 11)] = 2)),
    /outside its dictionary/,
  ],
  'a negative index': [
    patch(dictionary, 'batch', (message) => message.body.fill(255, offsetOf(message, 11), offsetOf(message, 11) + 4)),
    /outside its dictionary/,
  ],
  'a view into a buffer that is not there': [
    patch(frames, 'batch', (message) => setView(message, 8, 9)),
    /text ends outside/,
  ],
  'a view beyond the end of its buffer': [
    patch(frames, 'batch', (message) => setView(message, 12, 2 ** 20)),
    /text ends outside/,
  ],
  'a view of negative length': [patch(frames, 'batch', (message) => setView(message, 0, -5)), /negative length/],
  'more buffers of views than buffers': [
    patch(frames, 'batch', ({ header, view }) => setSize(view, header.vector(4, 8).start, 1_000)),
    /too few buffers/,
  ],
  'a list that ends before it begins': [
    patch(lists, 'batch', (message) => setOffset(message, 4, -1)),
    /list ends outside/,
  ],
  'lists in descending order': [patch(lists, 'batch', (message) => setOffset(message, 1, 8)), /list ends outside/],
  'a list beyond the items': [patch(lists, 'batch', (message) => setOffset(message, 12, 2 ** 20)), /list ends outside/],
  'more items than their members': [patch(lists, 'batch', entry(1, listNode + 1, 0, 2 ** 40)), /differ in length/],
  'a member with fewer items': [patch(lists, 'batch', entry(1, listNode + 2, 0, 3)), /differ in length/],
  'the columns of a list missing': [patch(lists, 'batch', count(1, listNode + 1)), /columns of its schema/],
  'a dictionary of no column': [
    Buffer.concat([messagesOf(utf8)[0]!, messagesOf(dictionary)[1]!, messagesOf(utf8)[1]!]),
    /belongs to no column/,
  ],
  'a bitmap that is too short': [patch(nulls, 'batch', entry(2, 10, 8, 1)), /shorter than its column/],
  'a second schema': [Buffer.concat([utf8.subarray(0, -8), utf8]), /second schema/],
  'bytes behind its end': [Buffer.concat([utf8, utf8]), /bytes follow/],
  'a body that is cut off': [utf8.subarray(0, -16), /ends inside the body/],
};
for (const [name, [bytes, detail]] of Object.entries(contradictions)) {
  test(`a stream with ${name} is refused and counts as abuse`, (t) => {
    const error = t.throws(() => readColumnsArrow(bytes), { instanceOf: AppError });
    t.is(error.code, 'malformed_body', error.message);
    t.is(error.abuse, 'arrow_invalid');
    t.regex(error.message, detail);
  });
}

for (const name of ['arrow-wrong-length-1', 'arrow-wrong-length-2']) {
  test(`${name}: one byte that once ended the pricing thread is a 400 from the thread, counted by caller`, async (t) => {
    const { service, workers, metrics, refusals } = setup();
    t.teardown(workers.close);
    const request = { clientIp: '192.0.2.7', timings: {} } as RequestContext;
    const sent = runInRequest(request, () =>
      service.send({ bytes: streamFile(name), input: 'arrow', answer: ['arrow'] }),
    );
    await t.throwsAsync(sent, { instanceOf: AppError, code: 'malformed_body' });
    t.deepEqual(refusals, [{ kind: 'arrow_invalid', clientIp: '192.0.2.7' }]);
    t.is(metrics.value('volwatch_workers_restarts_total'), 0);
  });
}

test('what is no Arrow stream, or asks for something unknown, does not count as abuse', async (t) => {
  const { service, workers, refusals } = setup();
  t.teardown(workers.close);
  const bodies = [Buffer.from('{"options":[]}'), new Uint8Array(0), arrowStream({ ...columnsOf([call]), vol: [1] })];
  for (const bytes of bodies) {
    await t.throwsAsync(service.send({ bytes, input: 'arrow', answer: ['arrow'] }), { instanceOf: AppError });
  }
  t.deepEqual(refusals, []);
});

test('a required column without a value refuses the stream, so a few bytes cannot make 100,000 rows fail', async (t) => {
  const { service, workers } = setup();
  t.teardown(workers.close);
  const names = ['spot', 'strike', 'time_to_expiry', 'rate', 'volatility', 'option_type'];
  const bytes = streamFile('frames/null-columns-only');
  t.true(bytes.length < 4_096);
  const error = await t.throwsAsync(service.send({ bytes, input: 'arrow', answer: ['arrow'] }), {
    instanceOf: AppError,
    code: 'validation_failed',
  });
  t.deepEqual(
    error?.errors?.map(({ pointer }) => pointer),
    names.map((name) => `/columns/${name}`),
  );
});

test('the value of a key of metadata is decoded once, also if all entries refer to the same bytes', (t) => {
  const more = Object.fromEntries(Array.from({ length: 900 }, (_, index) => [`k${index}`, '']));
  const stream = arrowStream(columnsOf([call]), { metadata: { pandas: '{}', ...more } });
  const [first] = readMessages(withSharedMetadata(stream));
  const { header } = first!;
  const entries = header.vector(2, 4);
  let decoded = 0;
  const counting: FlatTable = {
    ...header,
    element: (vector, index) => {
      const entry = header.element(vector, index);
      if (vector.start !== entries.start) return entry;
      return { ...entry, text: (field, max) => ((decoded += field), entry.text(field, max)) };
    },
  };
  t.is(entries.count, 901);
  t.is(readSchema(counting).fields.length, Object.keys(call).length);
  t.is(decoded, 1);
});

test('the buffers of all columns of views are bounded, because a stream needs few bytes for an empty one', (t) => {
  const stream = streamFile('utf8-view');
  const [schema, batch] = [...readMessages(stream)];
  const types = readSchema(schema!.header).fields.map(({ type }) => type);
  const read = (viewBuffers: number): number => {
    const left = { ...createPartsLeft(), viewBuffers };
    readBatch(batch!.header, batch!, types, left);
    return left.viewBuffers;
  };
  t.true(read(100) < 100);
  const error = t.throws(() => read(0), { instanceOf: AppError, code: 'validation_failed', message: /combine/ });
  t.regex(error.message, /at most 100000 buffers: combine their chunks/);
});

test('messages, columns, metadata and names of outputs are bounded', (t) => {
  const [schema, batch, end] = messagesOf(streamFile('batches-sliced').slice()) as [Uint8Array, Uint8Array, Uint8Array];
  const batches = (count: number) => Buffer.concat([schema, ...Array.from({ length: count }, () => batch), end]);
  t.is(readColumnsArrow(batches(2_000)).table.size, 8_000);
  const [start, row] = messagesOf(arrowStream({ spot: [1] })) as [Uint8Array, Uint8Array];
  const many = Buffer.concat([start, ...Array.from({ length: maxMessages }, () => row)]);
  const detailOf = (bytes: Uint8Array): string | undefined =>
    t.throws(() => readColumnsArrow(bytes), { instanceOf: AppError, code: 'validation_failed' }).errors?.[0]?.detail;
  t.regex(detailOf(many) ?? '', /at most 10000 messages/);
  const columns = Object.fromEntries(Array.from({ length: 257 }, (_, index) => [`c${index}`, [1]]));
  t.regex(detailOf(arrowStream(columns)) ?? '', /at most 256 columns/);
  t.regex(detailOf(arrowStream(columnsOf([call]), { outputs: 'price,'.repeat(101) })) ?? '', /at most 100 outputs/);
});
