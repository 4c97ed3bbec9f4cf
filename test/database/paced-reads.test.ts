import { PassThrough } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { paceReads } from '#src/database/wire/paced-reads.ts';

const piece = Buffer.alloc(32_768);

test('a connection parses about 64 KB in a turn of the event loop, and all of them in the end', async (t) => {
  const stream = new PassThrough({ highWaterMark: 4_194_304 });
  let parsed = 0;
  stream.on('data', ({ length }: Buffer) => (parsed += length));
  paceReads(stream);
  for (let each = 0; each < 20; each += 1) stream.write(piece);
  stream.end();
  const inTurns: number[] = [];
  while (parsed < 20 * piece.length) {
    const before = parsed;
    await nextTurn();
    inTurns.push(parsed - before);
  }
  t.true(Math.max(...inTurns) <= 2 * piece.length, inTurns.join(' '));
});

test('small answers are read without a wait', async (t) => {
  const stream = new PassThrough();
  paceReads(stream);
  stream.write(Buffer.alloc(1_000));
  await nextTurn();
  t.false(stream.isPaused());
});
