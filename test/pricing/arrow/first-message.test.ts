import { randomBytes } from 'node:crypto';
import test from 'ava';
import { codeOf, type AppError } from '#src/kernel/catalogue/errors.ts';
import { assertArrowStream } from '#src/pricing/arrow/assert-arrow-stream.ts';
import { messagesOf, streamFile } from '#testkit/arrow/streams.ts';

const stream = streamFile('utf8');
const [schema, ...others] = messagesOf(stream);

test('bytes whose first message is a schema pass, whatever follows it', (t) => {
  t.notThrows(() => assertArrowStream(stream));
  t.notThrows(() => assertArrowStream(Buffer.concat([schema!, Buffer.alloc(1_000, 7)])));
});

for (const [name, bytes] of [
  ['nothing', Buffer.alloc(0)],
  ['zeros', Buffer.alloc(1_000)],
  ['ones', Buffer.alloc(1_000, 1)],
  ['text', Buffer.from('spot,strike\n100,105\n'.repeat(100))],
  ['an Arrow file', Buffer.concat([Buffer.from('ARROW1\0\0'), stream])],
  ['a record batch without its schema', Buffer.concat(others)],
  ['a schema that is cut off', schema!.subarray(0, schema!.length - 8)],
] as const) {
  test(`refused as no Arrow stream: ${name}`, (t) => {
    const error = t.throws<AppError>(() => assertArrowStream(bytes));
    t.is(codeOf(error), 'malformed_body');
  });
}

test('random bytes are refused with a problem, never with another error', (t) => {
  for (let round = 0; round < 200; round += 1) {
    const error = t.throws(() => assertArrowStream(randomBytes(4_096)));
    t.true(['malformed_body', 'validation_failed'].includes(codeOf(error)), error.message);
  }
});
