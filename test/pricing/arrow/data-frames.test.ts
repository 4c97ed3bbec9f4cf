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

const dividendFrames = {
  'pandas-dividends': [{ time: 0.1 }, { time: 0.25 }],
  'pandas-dividend-dates': [{ date: '2026-02-01' }, { date: '2026-04-01' }],
  'pandas-dividend-texts': [{ date: '2026-02-01' }, { date: '2026-04-01' }],
  'pandas-dividend-timestamps': [{ date: '2026-02-01' }, { date: '2026-04-01' }],
  'pandas-dividends-mixed': [{ time: 0.1 }, { date: '2026-04-01' }],
  'pandas-dividends-empty': undefined,
  'polars-dividends': [{ time: 0.1 }, { time: 0.25 }],
  'polars-dividend-dates': [{ date: '2026-02-01' }, { date: '2026-04-01' }],
  'polars-dividend-texts': [{ date: '2026-02-01' }, { date: '2026-04-01' }],
  'polars-dividends-empty': undefined,
} as const;
for (const [name, times] of Object.entries(dividendFrames)) {
  test(`${name}: a column of lists is priced as the dividends of the same rows in JSON`, async (t) => {
    const amounts = [1, 0.5];
    const lists = [times?.map((time, index) => ({ ...time, amount: amounts[index] })), undefined, []];
    const isDated = times?.some((time) => 'date' in time);
    const options = columns.spot.map((spot, index) => {
      const dividends = times === undefined ? [] : lists[index % 3];
      return {
        ...columns,
        spot,
        strike: columns.strike[index],
        option_type: columns.option_type[index],
        ...(dividends && { dividends }),
        ...(isDated && dividends?.length && { valuation_date: '2026-01-01' }),
      };
    });
    const { results } = await service.batch({ options });
    const answer = readArrow(await send(name));
    t.deepEqual(
      answer.map(({ price, error_detail: detail }) => [price, detail]),
      results.map(({ price }) => [price, null]),
    );
  });
}

for (const codec of ['lz4', 'zstd']) {
  test(`polars-${codec}: a compressed stream is refused with the remedy`, async (t) => {
    await t.throwsAsync(send(`polars-${codec}`), {
      code: 'validation_failed',
      message: `columns: The Arrow buffers are compressed with ${codec}: send the stream uncompressed`,
    });
  });
}
