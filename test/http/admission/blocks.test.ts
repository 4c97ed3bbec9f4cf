import test from 'ava';
import fc from 'fast-check';
import { createBlocks } from '#src/http/admission/blocks.ts';

test('the pieces of a body come out in their order, whatever their sizes', (t) => {
  const sizes = fc.array(fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 70_000 })), {
    maxLength: 40,
  });
  fc.assert(
    fc.property(sizes, (lengths) => {
      let next = 0;
      const pieces = lengths.map((length) => Buffer.from(Array.from({ length }, () => next++ % 251)));
      const out: Buffer[] = [];
      const blocks = createBlocks((piece) => out.push(piece));
      for (const piece of pieces) blocks.write(piece);
      blocks.flush();
      return Buffer.concat(out).equals(Buffer.concat(pieces));
    }),
  );
  t.pass();
});

test('a million tiny pieces become a few blocks, and one piece is not copied', (t) => {
  const out: Buffer[] = [];
  const blocks = createBlocks((piece) => out.push(piece));
  const piece = Buffer.from('x');
  for (let count = 0; count < 1_000_000; count += 1) blocks.write(piece);
  blocks.flush();
  t.true(out.length < 20, `${out.length} pieces`);
  t.is(Buffer.concat(out).length, 1_000_000);
  out.length = 0;
  blocks.write(piece);
  blocks.flush();
  t.is(out[0], piece);
});
