import test from 'ava';
import { inParts, maxPartBytes } from '#src/kernel/streams/in-parts.ts';

const whole = async function* (...pieces: Buffer[]): AsyncGenerator<Buffer> {
  yield* pieces;
};

test('parts hold the bytes in order, and none is larger than the max', async (t) => {
  const pieces = [Buffer.alloc(3, 'a'), Buffer.alloc(0), Buffer.alloc(3 * maxPartBytes + 1, 'b'), Buffer.alloc(1, 'c')];
  const parts: Buffer[] = [];
  for await (const part of inParts(whole(...pieces))) parts.push(part);
  t.deepEqual(Buffer.concat(parts), Buffer.concat(pieces));
  t.deepEqual(
    parts.map(({ length }) => length),
    [3, maxPartBytes, maxPartBytes, maxPartBytes, 1, 1],
  );
});

test('the event loop gets a turn after some milliseconds of work, and none without work', async (t) => {
  const turnsWith = async (msOfPart: number): Promise<number> => {
    let now = 0;
    let turns = 0;
    const options = { monotonic: () => now, nextTurn: async () => (turns += 1) };
    for await (const part of inParts(whole(Buffer.alloc(100 * maxPartBytes)), options)) {
      now += part.length === maxPartBytes ? msOfPart : 0;
    }
    return turns;
  };
  t.is(await turnsWith(0), 0);
  t.is(await turnsWith(1), 33);
  t.is(await turnsWith(10), 99);
});

test('a real turn lets timers and sockets run between the parts of one piece', async (t) => {
  let others = 0;
  const timer = setInterval(() => (others += 1), 1);
  let bytes = 0;
  for await (const part of inParts(whole(Buffer.alloc(20 * maxPartBytes)))) {
    for (const end = performance.now() + 6; performance.now() < end;) bytes += 1;
    bytes += part.length;
  }
  t.true(bytes > 20 * maxPartBytes);
  clearInterval(timer);
  t.true(others >= 5, `${others}`);
});

test('the parts end with the reason of the signal at the next part', async (t) => {
  const controller = new AbortController();
  let parts = 0;
  const read = async (): Promise<void> => {
    for await (const part of inParts(whole(Buffer.alloc(100 * maxPartBytes)), { signal: controller.signal })) {
      parts += part.length / maxPartBytes;
      if (parts === 3) controller.abort(new Error('left'));
    }
  };
  await t.throwsAsync(read(), { message: 'left' });
  t.is(parts, 3);
});
