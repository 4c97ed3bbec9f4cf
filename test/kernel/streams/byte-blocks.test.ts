import { randomBytes } from 'node:crypto';
import test from 'ava';
import { ByteBlocks, createBlockWriter } from '#src/kernel/streams/byte-blocks.ts';
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

test('the blocks are released with turns of the event loop between them', async (t) => {
  let now = 0;
  let turns = 0;
  const bytes = new ByteBlocks([1, 2, 3].map((fill) => Buffer.alloc(mebibyte, fill)));
  await bytes.release({ monotonic: () => (now += 10), nextTurn: async () => void (turns += 1) });
  // One before the first block, and one before each of them by this clock.
  t.is(turns, 4);
  t.true(bytes.blocks.every(({ byteLength }) => byteLength === 0));
});
