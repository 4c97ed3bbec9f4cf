import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { AnswerPieces } from '#src/kernel/answer-pieces.ts';
import { createCollectGarbage } from '#src/kernel/memory/collect-garbage.ts';

const collectGarbage = createCollectGarbage();

const read = async (pieces: AnswerPieces): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of pieces) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

for (const sizes of [[], [0], [1], [65_536], [0, 3, 0, 70_000, 0], [3_000_000, 5], [131_072, 1, 65_537]]) {
  test(`pieces of ${sizes.join(', ')} bytes come in their order`, async (t) => {
    const parts = sizes.map((size, index) => Buffer.alloc(size, index + 1));
    const pieces = new AnswerPieces(parts);
    const whole = Buffer.concat(parts);
    let releasedBytes = 0;
    pieces.onReleased = (bytes) => (releasedBytes += bytes);
    t.is(pieces.byteLength, whole.length);
    t.deepEqual(await read(pieces), whole);
    t.is(releasedBytes, whole.length);
  });
}

test('a client that takes each slice at once leaves turns of the event loop to other work', async (t) => {
  const pieces = new AnswerPieces(Array.from({ length: 100 }, () => Buffer.alloc(65_536)));
  let [turns, isRead] = [0, false];
  const tick = (): void => {
    turns += 1;
    if (!isRead) setImmediate(tick);
  };
  setImmediate(tick);
  let readBytes = 0;
  for await (const chunk of pieces) {
    readBytes += (chunk as Buffer).length;
    const end = performance.now() + 1;
    while (performance.now() < end);
  }
  isRead = true;
  t.is(readBytes, pieces.byteLength);
  t.true(turns >= 10, `${turns} turns in 100 ms of work`);
});

for (const size of [65_536, 2_000_000]) {
  test(`a piece of ${size} bytes that was taken can be collected while the rest waits`, async (t) => {
    const collected = new Set<number>();
    const registry = new FinalizationRegistry((index: number) => collected.add(index));
    const count = 20;
    const make = (): AnswerPieces =>
      new AnswerPieces(
        Array.from({ length: count }, (_, index) => {
          const memory = new ArrayBuffer(size);
          registry.register(memory, index);
          return new Uint8Array(memory);
        }),
      );
    const pieces = make();
    let taken = 0;
    while (taken < 10 * size) {
      const chunk = pieces.read() as Buffer | null;
      if (chunk === null) await once(pieces, 'readable');
      else taken += chunk.length;
    }
    for (let round = 0; round < 50 && collected.size < 8; round += 1) {
      collectGarbage();
      // FinalizationRegistry calls back in a later turn of the event loop.
      await sleep(10);
    }
    t.true(collected.size >= 8, `${collected.size} of 10 pieces were collected`);
    t.false(collected.has(count - 1));
    pieces.destroy();
    // The stream is still in use, so the pieces that it has read ahead are kept.
    const kept = 2;
    for (let round = 0; round < 50 && collected.size < count - kept; round += 1) {
      collectGarbage();
      await sleep(10);
    }
    t.true(collected.size >= count - kept, `${collected.size} of ${count} pieces were collected`);
  });
}

test('what waits to be sent counts, although its pieces are released', (t) => {
  const of = (...sizes: number[]): number => new AnswerPieces(sizes.map((size) => Buffer.alloc(size))).maxUnsentBytes;
  t.is(of(200_000), 200_000);
  t.is(of(2 ** 20, 2 ** 20, 10), 2 ** 20 + 131_072, 'a slice keeps its piece');
  t.is(of(16 * 2 ** 20), 196_608, 'slices of a larger piece are copied');
  t.is(of(), 0);
});
