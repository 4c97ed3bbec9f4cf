import { randomBytes } from 'node:crypto';
import test from 'ava';
import { ByteBlocks, createBlockWriter } from '#src/kernel/streams/byte-blocks.ts';
import { nextTurnOfLoop } from '#src/kernel/streams/turns.ts';
import { mebibyte } from '#testkit/measures/processes.ts';

test('pieces become blocks of at most 1 MB with the same bytes, and each piece is released', (t) => {
  const pieces = [1, 4_096, 65_536, 3 * mebibyte, 7].map((length) => Buffer.from(randomBytes(length)));
  const expected = Buffer.concat(pieces);
  const writer = createBlockWriter();
  for (const piece of pieces) writer.write(piece);
  const bytes = writer.end();
  t.deepEqual(Buffer.concat(bytes.blocks), expected);
  t.is(bytes.byteLength, expected.length);
  t.true(bytes.blocks.every(({ byteLength }) => byteLength > 0 && byteLength <= mebibyte));
  t.is(pieces[2]!.length, 0, 'its memory is released');
});

test('a body of one piece is one block, which is not copied again', (t) => {
  const writer = createBlockWriter();
  writer.write(Buffer.from('abc'));
  const bytes = writer.end();
  t.is(bytes.blocks.length, 1);
  t.is(bytes.joined().buffer, bytes.blocks[0]!.buffer);
  t.is(String(bytes.joined()), 'abc');
  t.is(createBlockWriter().end().byteLength, 0);
});

test('the start of bytes is read across blocks', (t) => {
  const bytes = new ByteBlocks(['ab', 'cde', 'f'].map((text) => Buffer.from(text)));
  t.deepEqual(
    [0, 2, 4, 6, 9].map((length) => String(Buffer.from(bytes.start(length)))),
    ['', 'ab', 'abcd', 'abcdef', 'abcdef'],
  );
  t.is(String(bytes.joined()), 'abcdef');
});

test.serial('each turn of the event loop releases half of all that waits, or more', async (t) => {
  const bodies = Array.from({ length: 20 }, () => {
    const writer = createBlockWriter();
    for (let piece = 0; piece < 80; piece += 1) writer.write(Buffer.alloc(65_536));
    return writer.end();
  });
  const left = (): number => bodies.flatMap(({ blocks }) => blocks).filter(({ byteLength }) => byteLength > 0).length;
  const all = left();
  for (const body of bodies) body.release();
  t.is(left(), all, 'the present turn has other work');
  for (let most = all / 2; left() > 0; most /= 2) {
    await nextTurnOfLoop();
    t.true(left() <= most, `${left()} of ${all}`);
  }
});

test.serial('a last block that is not full is released too', async (t) => {
  const writer = createBlockWriter();
  writer.write(Buffer.alloc(65_536));
  writer.write(Buffer.alloc(10));
  const bytes = writer.end();
  const [, last] = bytes.blocks;
  t.is(last!.byteLength, 10);
  bytes.release();
  await nextTurnOfLoop();
  t.is(last!.buffer.byteLength, 0);
});
