import { PassThrough } from 'node:stream';
import test from 'ava';
import fc from 'fast-check';
import { createFrameReader, writeFrame, type Frame } from '#src/pricing/workers/frames.ts';

test('frames arrive as they were sent, however the bytes are cut', (t) => {
  const frames = fc.array(fc.tuple(fc.jsonValue(), fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 3 })), {
    maxLength: 5,
  });
  fc.assert(
    fc.property(frames, fc.integer({ min: 1, max: 40 }), fc.boolean(), (sent, cut, keepsPieces) => {
      const stream = new PassThrough();
      for (const [head, chunks] of sent) writeFrame(stream, head, chunks);
      const bytes = (stream.read() as Buffer | null) ?? Buffer.alloc(0);
      const received: Frame<unknown>[] = [];
      const take = createFrameReader({ onFrame: (frame) => received.push(frame), keepsPieces });
      const shared = Buffer.alloc(cut);
      for (let at = 0; at < bytes.length; at += cut) {
        // The process uses its buffer again for each piece; the service gets a new one.
        const length = bytes.copy(shared, 0, at, at + cut);
        take(keepsPieces ? Buffer.from(shared.subarray(0, length)) : shared.subarray(0, length));
      }
      t.deepEqual(
        received.map(({ head, body }) => [head, Buffer.concat(body).toString('hex')]),
        sent.map(([head, chunks]) => [
          JSON.parse(JSON.stringify(head)) as unknown,
          Buffer.concat(chunks).toString('hex'),
        ]),
      );
    }),
    { numRuns: 200 },
  );
});
