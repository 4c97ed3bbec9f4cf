import { Writable } from 'node:stream';
import test from 'ava';
import fc from 'fast-check';
import type { Frame } from '#src/pricing/workers/channel/frame.ts';
import { createFrameReader } from '#src/pricing/workers/channel/frame-reader.ts';
import { createFrameWriter } from '#src/pricing/workers/channel/frame-writer.ts';

const maxPartBytes = 16;
const bytes = (length: number, value: number): Buffer => Buffer.alloc(length, value);

/** Reads all frames from bytes that arrive in pieces of `cut` bytes. */
const readAll = (sent: Buffer, cut: number, keepsPieces: boolean): Frame<unknown>[] => {
  const received: Frame<unknown>[] = [];
  const take = createFrameReader({ onFrame: (frame) => received.push(frame), keepsPieces });
  const shared = Buffer.alloc(cut);
  for (let at = 0; at < sent.length; at += cut) {
    // The process uses its buffer again for each piece; the service gets a new one.
    const length = sent.copy(shared, 0, at, at + cut);
    take(keepsPieces ? Buffer.from(shared.subarray(0, length)) : shared.subarray(0, length));
  }
  return received;
};

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const textOf = ({ head, body }: Frame<unknown>): string => JSON.stringify([head, Buffer.concat(body).toString('hex')]);

test('frames arrive as they were sent, however the bytes are cut', async (t) => {
  const frames = fc.array(fc.tuple(fc.jsonValue(), fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 3 })), {
    maxLength: 5,
  });
  await fc.assert(
    fc.asyncProperty(frames, fc.integer({ min: 1, max: 40 }), fc.boolean(), async (sent, cut, keepsPieces) => {
      const written: Buffer[] = [];
      const stream = new Writable({
        write: (chunk: Buffer, _, callback) => {
          written.push(chunk);
          callback();
        },
      });
      const writer = createFrameWriter(stream, { maxPartBytes });
      for (const [head, chunks] of sent) writer.write(head, chunks);
      // The parts of a large body follow each other in the same turn, because this stream takes each one at once.
      await nextTurn();
      // Large frames end after small ones, so the order may differ.
      t.deepEqual(
        readAll(Buffer.concat(written), cut, keepsPieces).map(textOf).toSorted(),
        sent.map(([head, body]) => textOf({ head, body })).toSorted(),
      );
    }),
    { numRuns: 200 },
  );
});

/** A stream whose other side takes one write at a time, when the test says so. */
const slowStream = () => {
  const written: Buffer[] = [];
  let done: (() => void) | undefined;
  const stream = new Writable({
    highWaterMark: 1,
    write: (chunk: Buffer, _, callback) => {
      written.push(chunk);
      done = callback;
    },
  });
  const take = (): boolean => {
    const callback = done;
    done = undefined;
    callback?.();
    return callback !== undefined;
  };
  return { stream, take, arrived: () => Buffer.concat(written) };
};

test('a small frame does not wait for a large one, and two large ones alternate', async (t) => {
  const { stream, take, arrived } = slowStream();
  const writer = createFrameWriter(stream, { maxPartBytes });
  writer.write('large', [bytes(200, 1)]);
  writer.write('less', [bytes(60, 2)]);
  writer.write('small', [bytes(16, 3)]);
  const order = (): unknown[] => readAll(arrived(), 7, false).map(({ head }) => head);
  while (take()) await nextTurn();
  t.deepEqual(order(), ['small', 'less', 'large']);
  t.deepEqual(
    readAll(arrived(), 7, true).map(({ body }) => Buffer.concat(body)),
    [bytes(16, 3), bytes(60, 2), bytes(200, 1)],
  );
});

test('the size of a large body is known when its head has arrived', async (t) => {
  const { stream, take, arrived } = slowStream();
  const writer = createFrameWriter(stream, { maxPartBytes });
  writer.write('large', [bytes(200, 1)]);
  const seen: unknown[] = [];
  const read = createFrameReader({
    onFrame: ({ head }) => seen.push(head),
    onBody: (head, bodyBytes) => seen.push([head, bodyBytes]),
    keepsPieces: true,
  });
  read(arrived());
  t.deepEqual(seen, [['large', 200]]);
  const before = arrived().length;
  while (take()) await nextTurn();
  read(arrived().subarray(before));
  t.deepEqual(seen, [['large', 200], 'large']);
});

test('each part that was taken is told', async (t) => {
  const { stream, take } = slowStream();
  let told = 0;
  const writer = createFrameWriter(stream, { maxPartBytes, onTaken: () => (told += 1) });
  writer.write('small', [bytes(16, 3)]);
  writer.write('large', [bytes(100, 1)]);
  while (take()) await nextTurn();
  t.is(told, Math.ceil(100 / maxPartBytes));
});

test('a frame that was withdrawn does not arrive, and the next ones do', async (t) => {
  const { stream, take, arrived } = slowStream();
  const writer = createFrameWriter(stream, { maxPartBytes });
  const withdrawn = writer.write('withdrawn', [bytes(2_000, 1)]);
  const small = writer.write('small', [bytes(16, 3)]);
  for (let parts = 0; parts < 6; parts += 1) {
    take();
    await nextTurn();
  }
  t.true(withdrawn.withdraw());
  t.false(withdrawn.withdraw(), 'once');
  t.false(small.withdraw(), 'a small frame is on its way');
  const next = writer.write('next', [bytes(40, 2)]);
  while (take()) await nextTurn();
  t.deepEqual(
    readAll(arrived(), 5, false).map(({ head }) => head),
    ['small', 'next'],
  );
  t.true(arrived().length < 1_000, 'its other parts were not sent');
  t.false(next.withdraw());
});
