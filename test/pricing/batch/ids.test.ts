import { Int64, vectorFromArray, type Vector } from 'apache-arrow';
import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { readColumnsArrow } from '#testkit/arrow/read-columns.ts';
import { arrowStream } from '#testkit/arrow/arrow-support.ts';
import { call, setup } from '../setup.ts';

const largest = Number.MAX_SAFE_INTEGER;

test('an id that a number cannot hold is refused, because the answer would repeat another one', async (t) => {
  const { service, workers } = setup();
  t.teardown(workers.close);
  const options = [largest, largest + 1, -largest, -largest - 1, 0.5, '9007199254740993'].map((id) => ({
    ...call,
    id,
  }));
  const { results } = await service.batch({ options });
  t.deepEqual(
    results.map(({ error }) => (error as { code: string } | undefined)?.code),
    [undefined, 'validation_failed', undefined, 'validation_failed', undefined, undefined],
  );
  const columns = Object.fromEntries(Object.entries(call).map(([name, value]) => [name, [value, value]]));
  const error = await t.throwsAsync(service.batch({ columns: { ...columns, id: [1, largest + 1] } }), {
    instanceOf: AppError,
  });
  t.regex(error.errors![0]!.detail, /send a larger number as a string/);
});

test('an id of 64 bits in an Arrow stream is refused if it is not exact', (t) => {
  const idsOf = (second: bigint): unknown => {
    const id = vectorFromArray([1n, second], new Int64()) as Vector;
    const { ids } = readColumnsArrow(arrowStream({ spot: [1, 2], id }));
    return [ids!.at(0), ids!.at(1)];
  };
  t.deepEqual(idsOf(BigInt(largest)), [1, largest]);
  const error = t.throws(() => idsOf(BigInt(largest) + 2n), { instanceOf: AppError });
  t.like(error.errors![0], { pointer: '/columns/id', code: 'out_of_range' });
});
