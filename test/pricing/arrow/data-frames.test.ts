import test from 'ava';
import { setup } from '../setup.ts';
import { readArrow } from '#testkit/arrow/arrow-support.ts';
import { streamFile } from '#testkit/arrow/streams.ts';

const { service, workers } = setup({ workers: { queueLimit: 100 } });
test.after.always(() => workers.close());

/** The rows of `make-frames.py`. */
const columns = {
  spot: Array.from({ length: 12 }, (_, index) => 100 + index),
  strike: Array.from({ length: 12 }, (_, index) => 100 + (index % 5)),
  time_to_expiry: 0.5,
  rate: 0.03,
  volatility: 0.2,
  option_type: Array.from({ length: 12 }, (_, index) => (index % 2 === 0 ? 'call' : 'put')),
};
const send = (name: string) => service.send({ bytes: streamFile(`frames/${name}`), input: 'arrow', answer: ['arrow'] });

for (const name of [
  'pandas-default',
  'pandas-category',
  'pandas-filtered',
  'pandas-date-index',
  'pandas-text-index',
  'pandas-null-column',
  'pandas-decimal',
  'polars-default',
  'polars-categorical',
  'polars-enum',
  'polars-null-column',
  'polars-decimal',
  'polars-ids',
]) {
  test(`${name}: the frame is priced as the same rows in JSON`, async (t) => {
    const expected = await service.batch({ columns });
    const answer = readArrow(await send(name));
    t.deepEqual(
      answer.map(({ price }) => price),
      [...expected.columns['price']!],
    );
    t.true(answer.every((row) => row['error_code'] === null && row['error_field'] === null));
  });
}

test('polars-ids: the ids come back, also those of more than 12 bytes', async (t) => {
  t.is(readArrow(await send('polars-ids'))[3]?.['id'], 'a long text that needs a buffer 3');
});

for (const codec of ['lz4', 'zstd']) {
  test(`polars-${codec}: a compressed stream is refused with the remedy`, async (t) => {
    await t.throwsAsync(send(`polars-${codec}`), {
      code: 'validation_failed',
      message: `columns: The Arrow buffers are compressed with ${codec}: send the stream uncompressed`,
    });
  });
}
