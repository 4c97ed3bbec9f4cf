import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setImmediate, setTimeout } from 'node:timers/promises';
import {
  brotliCompressSync,
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import test from 'ava';
import { unpackInTurns } from '#src/http/admission/bodies/unpack-in-turns.ts';
import { createBoundedWork } from '#src/kernel/requests/callers/bounded-work.ts';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';

type Plain = Transform & { readonly bytesWritten: number };
const options = { chunkSize: 65_536, readableHighWaterMark: 1 };
const codings: Readonly<Record<string, { pack: (bytes: Buffer) => Buffer; create: () => Plain }>> = {
  gzip: { pack: (bytes) => gzipSync(bytes), create: () => createGunzip(options) },
  deflate: { pack: (bytes) => deflateSync(bytes), create: () => createInflate(options) },
  br: { pack: (bytes) => brotliCompressSync(bytes), create: () => createBrotliDecompress(options) },
  zstd: { pack: (bytes) => zstdCompressSync(bytes), create: () => createZstdDecompress(options) },
};

/** Turns of one place, and how many of them are open. */
const startTurns = () => {
  const turns = { open: 0, taken: 0, max: 0 };
  const work = createBoundedWork({
    work: 'decompression',
    metrics: noMetrics,
    concurrency: 1,
    queue: 1_000,
    detail: 'For tests',
    retryAfter: 1,
  });
  const inTurn = <T>(job: () => Promise<T>): Promise<T> =>
    work.run(async () => {
      turns.open += 1;
      turns.taken += 1;
      turns.max = Math.max(turns.max, turns.open);
      try {
        return await job();
      } finally {
        turns.open -= 1;
      }
    });
  const unpacking = (plain: Plain, now?: () => number) =>
    unpackInTurns(plain, { maxAhead: 1e9, refuse: () => new Error('For tests'), inTurn, ...(now && { now }) }).on(
      'error',
      () => {},
    );
  return { turns, inTurn, unpacking };
};

const bodies = [
  Buffer.alloc(0),
  Buffer.from('small'),
  Buffer.alloc(65_536, 'a'),
  Buffer.alloc(3_000_000, ' '),
  randomBytes(300_000),
  Buffer.from(randomBytes(300_000).toString('hex')),
];

for (const [name, { pack, create }] of Object.entries(codings)) {
  test(`${name}: the bytes are those that were packed, and one body at a time has a turn`, async (t) => {
    const { turns, unpacking } = startTurns();
    const unpacked = bodies.map((bytes) => {
      const stream = unpacking(create());
      stream.end(pack(bytes));
      return buffer(stream);
    });
    for (const [index, bytes] of (await Promise.all(unpacked)).entries())
      t.true(bytes.equals(bodies[index]!), `${index}`);
    t.is(turns.max, 1);
    t.is(turns.open, 0);
  });

  test(`${name}: a reader that waits holds no turn`, async (t) => {
    const { turns, inTurn, unpacking } = startTurns();
    const stream = unpacking(create());
    stream.end(pack(Buffer.alloc(8_000_000, 'x')));
    await once(stream, 'readable');
    // It would wait for ever behind a reader with a turn.
    await inTurn(async () => {});
    t.true(stream.readableLength < 1_000_000);
    t.is((await buffer(stream)).length, 8_000_000);
    t.is(turns.open, 0);
  });

  test(`${name}: a turn ends with its job, also if the body was refused or is no ${name}`, async (t) => {
    const { turns, inTurn, unpacking } = startTurns();
    const packed = pack(Buffer.from(randomBytes(200_000).toString('hex')));
    const bad = Buffer.from(packed);
    bad.fill(0xff, 100, 300);
    for (const broken of [packed.subarray(0, -20), Buffer.from('no packed bytes at all')]) {
      const error = await buffer(unpacking(create()).end(broken)).catch((cause: unknown) => cause);
      t.true(error instanceof Error);
    }
    // Codings without a sum may unpack it to other bytes.
    await buffer(unpacking(create()).end(bad)).catch(() => {});
    // In the middle of a job, in each state of it, and while it waits for its turn.
    for (let pieces = 0; pieces < 4; pieces += 1) {
      const stream = unpacking(create());
      const waiting = unpacking(create());
      stream.end(packed);
      waiting.end(packed);
      let seen = 0;
      stream.on('data', () => {
        seen += 1;
        if (seen === pieces) stream.destroy();
      });
      if (pieces === 0) stream.destroy();
      waiting.destroy();
      await once(stream, 'close');
    }
    const last = unpacking(create());
    last.end(packed);
    t.is((await buffer(last)).length, 400_000);
    await inTurn(async () => {});
    t.is(turns.open, 0);
  });

  test(`${name}: bytes behind the end do not keep the body open`, async (t) => {
    const { turns, unpacking } = startTurns();
    const stream = unpacking(create());
    const packed = pack(Buffer.from('body'));
    stream.end(Buffer.concat([packed, Buffer.from('more')]));
    await buffer(stream).then(
      (bytes) => t.is(bytes.toString(), 'body'),
      (error: NodeJS.ErrnoException) => t.is(error.code, 'Z_DATA_ERROR'),
    );
    t.is(turns.open, 0);
  });
}

test('a small body that has arrived as a whole takes one turn, in whatever pieces it came', async (t) => {
  for (const { pack, create } of Object.values(codings)) {
    const { turns, inTurn, unpacking } = startTurns();
    const other = Promise.withResolvers<void>();
    const held = inTurn(() => other.promise);
    const stream = unpacking(create(), () => 0);
    const packed = pack(Buffer.from('a small body'));
    for (const byte of packed) stream.write(Buffer.of(byte));
    stream.end();
    const unpacked = buffer(stream);
    await setImmediate();
    other.resolve();
    await held;
    t.is((await unpacked).toString(), 'a small body');
    // The other work, the first byte, and the others.
    t.is(turns.taken, 3);
  }
});

/** Brotli of a whole window, which takes a thread for long before its first byte. */
const windowOf = (bytes: number): Buffer =>
  brotliCompressSync(Buffer.alloc(bytes, ' '), { params: { [constants.BROTLI_PARAM_LGWIN]: 24 } });
const garbage = Buffer.alloc(200, 0xff);
const text = Buffer.from(randomBytes(30_000).toString('hex'));
/** Bodies whose job ends in an error, some after long. */
const broken: readonly (readonly [string, Buffer])[] = [
  ['br', Buffer.concat([windowOf(15_000_000).subarray(0, -1), garbage])],
  ...Object.entries(codings).map(([name, { pack }]) => {
    const packed = pack(text);
    return [name, Buffer.concat([packed.subarray(0, packed.length / 2), garbage])] as const;
  }),
  [
    'gzip',
    Buffer.concat([Buffer.from('1f8b08000000000000ff', 'hex'), Buffer.alloc(16_000, '000000ffff', 'hex'), garbage]),
  ],
];
const waits: Readonly<Record<string, () => Promise<unknown> | undefined>> = {
  'in the same turn': () => undefined,
  'after microtasks': () => Promise.resolve(),
  'after a turn of the event loop': () => setImmediate(),
  'after 2 ms': () => setTimeout(2),
  'after 10 ms': () => setTimeout(10),
};
for (const [when, wait] of Object.entries(waits)) {
  test(`a turn ends when its job ends in an error, and the body was closed before: ${when}`, async (t) => {
    for (const [index, [name, packed]] of broken.entries()) {
      for (const isEnded of [true, false]) {
        const { turns, inTurn, unpacking } = startTurns();
        const stream = unpacking(codings[name]!.create());
        stream.resume();
        stream.write(packed);
        if (isEnded) stream.end();
        await wait();
        stream.destroy();
        await inTurn(async () => {});
        t.is(turns.open, 0, `${index} ${name}`);
      }
    }
  });
}

test('a body whose job takes long keeps the turn until the thread has ended it', async (t) => {
  const { turns, inTurn, unpacking } = startTurns();
  const packed = windowOf(16_000_000);
  const stream = unpacking(createBrotliDecompress(options));
  const order: string[] = [];
  const plainEnd = once(stream, 'close').then(() => order.push('closed'));
  stream.write(packed);
  await setImmediate();
  t.is(turns.open, 1);
  stream.destroy();
  const next = inTurn(async () => order.push('next turn'));
  await Promise.all([plainEnd, next]);
  t.deepEqual(order, ['closed', 'next turn']);
});
