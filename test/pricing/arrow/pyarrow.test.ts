import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { readColumnsArrow } from '#testkit/arrow/read-columns.ts';
import { setup } from '../setup.ts';
import { streamFile } from '#testkit/arrow/streams.ts';

const { service, workers } = setup({ workers: { queueLimit: 100 } });
test.after.always(() => workers.close());

/** The rows that `make-streams.py` writes. */
const indices = Array.from({ length: 12 }, (_, index) => index);
const rows = (indices: readonly number[]) => ({
  columns: {
    spot: indices.map((index) => 100 + index),
    strike: indices.map((index) => 100 + (index % 5)),
    time_to_expiry: 0.5,
    rate: 0.03,
    volatility: 0.2,
    option_type: indices.map((index) => (index % 2 === 0 ? 'call' : 'put')),
  },
});
const send = async (name: string) => {
  const bytes = streamFile(name);
  const answer = await service.send({ bytes, input: 'arrow', answer: ['json'] });
  return JSON.parse(answer.toString()) as Awaited<ReturnType<typeof service.batch>>;
};
const sidesOf = (name: string): unknown[] => {
  const { size, columns } = readColumnsArrow(streamFile(name)).table;
  return Array.from({ length: size }, (_, index) => columns.get('option_type')?.at(index));
};

for (const name of ['utf8', 'large-utf8', 'utf8-view', 'dictionary', 'outputs', 'metadata-v4-legacy']) {
  test(`pyarrow ${name}: the rows are priced as the same rows in JSON`, async (t) => {
    const expected = await service.batch({
      ...rows(indices),
      outputs: name === 'outputs' ? ['price', 'delta'] : ['price'],
    });
    t.deepEqual((await send(name)).columns, expected.columns);
    t.is(expected.succeeded, 12);
  });
}

test('pyarrow batches-sliced: texts and numbers that begin inside a buffer, an empty batch between', async (t) => {
  const expected = await service.batch(rows(indices.slice(3)));
  t.deepEqual((await send('batches-sliced')).columns, expected.columns);
});

test('pyarrow nulls: a null number is an absent input, a null text fails its row', async (t) => {
  const { columns } = rows(indices);
  const yields = indices.map((index) => (index % 3 === 0 ? 0.01 : 0));
  const expected = await service.batch({ columns: { ...columns, dividend_yield: yields } });
  const answer = await send('nulls');
  t.deepEqual(
    answer.columns['price'],
    expected.columns['price']!.map((price, index) => (index === 4 ? null : price)),
  );
  t.like(answer, { failed: 1, errors: [{ index: 4, code: 'validation_failed' }] });
});

test('pyarrow small-numbers: integers of 8 to 32 bits, signed or not, and single precision', async (t) => {
  const { columns } = rows(indices);
  const expected = await service.batch({ columns: { ...columns, rate: 0, volatility: 1 } });
  t.deepEqual((await send('small-numbers')).columns, expected.columns);
});

test('pyarrow dictionaries that grow or are replaced hold for the batches after them', (t) => {
  t.deepEqual(sidesOf('dictionary-delta'), ['call', 'call', 'call', 'put']);
  t.deepEqual(sidesOf('dictionary-replaced'), ['call', 'put', 'put', 'call']);
});

const refused: Readonly<Record<string, readonly [code: string, detail: RegExp]>> = {
  'refused-lz4': ['unsupported', /compressed with lz4: send the stream uncompressed/],
  'refused-zstd': ['unsupported', /compressed with zstd: send the stream uncompressed/],
  'refused-nested': ['invalid_type', /dividends must be a column of lists of objects .*, not List<List>: cast it/],
};
for (const [name, [code, detail]] of Object.entries(refused)) {
  test(`pyarrow ${name}: the refusal names the feature`, (t) => {
    const error = t.throws(() => readColumnsArrow(streamFile(name)), { instanceOf: AppError });
    t.is(error.code, 'validation_failed');
    t.is(error.abuse, undefined);
    t.is(error.errors?.length, 1);
    t.is(error.errors?.[0]?.code, code);
    t.regex(error.errors?.[0]?.detail ?? '', detail);
  });
}

test('pyarrow refused-file: the file format is refused by its name', (t) => {
  t.throws(() => readColumnsArrow(streamFile('refused-file')), { code: 'malformed_body', message: /Arrow file/ });
});
