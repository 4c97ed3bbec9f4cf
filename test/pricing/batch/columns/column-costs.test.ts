import test from 'ava';
import { arrowStream } from '#testkit/arrow/arrow-support.ts';
import { prepareBatch } from '#src/pricing/batch/prepare-batch.ts';
import { createEngineFactory } from '#src/pricing/models/engine-factory.ts';

const engines = createEngineFactory();
const market = { spot: 100, strike: 100, volatility: 0.2, option_type: 'put' } as const;
const hard = { ...market, rate: 10, time_to_expiry: 200, exercise_style: 'american' } as const;

const estimateJson = async (columns: object) => {
  const bytes = Buffer.from(JSON.stringify({ columns }));
  return (await prepareBatch({ bytes, input: 'json', answer: ['json'], jsonDepth: 20 }, engines)).estimate();
};
const estimateArrow = async (row: Readonly<Record<string, unknown>>, steps: readonly (number | null)[]) => {
  const columns = Object.fromEntries(Object.entries(row).map(([name, cell]) => [name, steps.map(() => cell)]));
  const bytes = arrowStream({ ...columns, steps } as Parameters<typeof arrowStream>[0]);
  return (await prepareBatch({ bytes, input: 'arrow', answer: ['json'], jsonDepth: 20 }, engines)).estimate();
};

test('steps in the first row do not hide the cost of the next rows, which have none', async (t) => {
  const size = 1_000;
  const one = await estimateJson(hard);
  t.true(one.totalMs > 1, 'the inputs are expensive ones');
  const steps = Array.from({ length: size }, (_, index) => (index === 0 ? 11 : null));
  const { totalMs, model } = await estimateArrow(hard, steps);
  t.is(model, 'andersen_lake');
  t.true(totalMs >= (size - 1) * one.totalMs, `${totalMs} ms, one row ${one.totalMs} ms`);
  const reversed = await estimateArrow(hard, steps.toReversed());
  t.true(Math.abs(reversed.totalMs - totalMs) < 1e-6, 'the order of the rows does not change the sum');
});

test('the estimate counts the time to read contracts and dates', async (t) => {
  const size = 10_000;
  const rest = { ...market, rate: 0, valuation_date: '2024-05-01' };
  const spot = Array.from({ length: size }, () => 100);
  const plain = await estimateJson({ ...market, spot, rate: 0, time_to_expiry: 1 });
  const uniform = await estimateJson({ ...rest, spot, expiry: '2024-06-21' });
  const different = await estimateJson({
    ...rest,
    expiry: spot.map((_, index) => new Date(Date.UTC(2024, 5, 1) + index * 60_000).toISOString()),
  });
  t.true(uniform.totalMs > plain.totalMs);
  t.true(different.totalMs > uniform.totalMs + size * 0.002);
});

test('a rebate at negative rates makes barrier options in columns cost more, only in its own rows', async (t) => {
  const barrier = {
    ...market,
    model: 'barrier',
    barrier_type: 'down_out',
    barrier: 90,
    time_to_expiry: 1,
    rate: [-0.01, 0.01],
  };
  const { totalMs } = await estimateJson({ ...barrier, rebate: 5 });
  const without = await estimateJson(barrier);
  t.true(totalMs > 10 * without.totalMs, `${totalMs} ms, without a rebate ${without.totalMs} ms`);
  const knockIn = await estimateJson({ ...barrier, barrier_type: 'down_in', rebate: 5 });
  t.is(knockIn.totalMs, without.totalMs);
  const positive = await estimateJson({ ...barrier, rate: 0.01, rebate: [5, 5] });
  t.is(positive.totalMs, without.totalMs);
});
