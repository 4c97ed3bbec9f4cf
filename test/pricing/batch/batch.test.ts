import test from 'ava';
import fc from 'fast-check';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { greekNames } from '#src/pricing/models/outputs.ts';
import { columnsAnswer, rowsAnswer } from '#src/pricing/request/answer-schemas.ts';
import { captureSpans } from '#testkit/spans.ts';
import { arrowStream, columnsOf, readArrow, type Row } from '#testkit/arrow/arrow-support.ts';
import { call, setup } from '../setup.ts';

const { service, workers } = setup({ workers: { queueLimit: 1_000 } });
test.after.always(() => workers.close());

const number = (min: number, max: number) => fc.double({ min, max, noNaN: true });
/** Mostly sound, now and then out of the domain or without a finite answer. */
const bad = (sound: fc.Arbitrary<number>) =>
  fc.oneof({ weight: 12, arbitrary: sound }, { weight: 1, arbitrary: fc.constantFrom(-5, 0, -0, 1e13) });
const common = {
  strike: bad(number(1, 500)),
  time_to_expiry: bad(number(0, 5)),
  rate: bad(number(-0.5, 0.5)),
  volatility: bad(number(0, 2)),
  option_type: fc.constantFrom('call', 'put'),
  exercise_style: fc.constant('european'),
};
const spotRow = fc.record({
  ...common,
  model: fc.constant('black_scholes'),
  spot: bad(number(1, 500)),
  dividend_yield: number(-0.2, 0.2),
});
const forwardRow = fc.record({
  ...common,
  model: fc.constantFrom('black76', 'bachelier'),
  forward: bad(number(1, 500)),
});
const treeRow = fc.record({
  ...common,
  model: fc.constant('binomial_lr'),
  spot: number(50, 150),
  dividend_yield: number(0, 0.1),
  exercise_style: fc.constantFrom('american', 'european'),
  steps: fc.constantFrom(11, 51, 10.5),
});
const outputSets = fc.constantFrom(['price'], ['price', 'delta', 'vega'], ['delta', 'gamma', 'dual_gamma', 'price']);

type Cells = { readonly error?: string } & Readonly<Record<string, unknown>>;
/** What each row answers on its own: its outputs, or the code of its error. */
const single = async (row: Row, outputs: readonly string[]): Promise<Cells> => {
  try {
    const names = outputs.filter((name) => name !== 'price');
    const answer = (await (names.length > 0
      ? service.greeks({ ...row, outputs: names })
      : service.price(row))) as unknown as Row;
    // JSON has no -0.
    return Object.fromEntries(outputs.map((name) => [name, Number(answer[name]) + 0]));
  } catch (error) {
    if (error instanceof AppError) return { error: error.code };
    throw error;
  }
};
const pick = (row: Row, outputs: readonly string[]): Cells => {
  const { error } = row as { error?: { code: string } };
  return error ? { error: error.code } : Object.fromEntries(outputs.map((name) => [name, row[name]]));
};
const fromColumns = (answer: Awaited<ReturnType<typeof service.batch>>, outputs: readonly string[]): Cells[] =>
  Array.from({ length: answer.total_count }, (_, index) => {
    const error = answer.errors.find((failure) => failure.index === index);
    const cells = Object.fromEntries(outputs.map((name) => [name, answer.columns[name]![index]]));
    return error ? { error: error.code, cells } : cells;
  });
const nulls = (outputs: readonly string[]) => Object.fromEntries(outputs.map((name) => [name, null]));

test('every row of a batch of objects, of any models, is the single call', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(spotRow, forwardRow, treeRow), { minLength: 1, maxLength: 12 }),
      outputSets,
      async (rows, outputs) => {
        const expected = await Promise.all(rows.map((row) => single(row, outputs)));
        const { results } = await service.batch({ options: rows, outputs });
        t.deepEqual(
          results.map((row) => pick(row, outputs)),
          expected,
        );
      },
    ),
    { numRuns: 60 },
  );
  t.pass();
});

test('every row of JSON columns is the single call, null and named where it fails', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(spotRow, { minLength: 1, maxLength: 12 }), outputSets, async (rows, outputs) => {
      const { model, exercise_style, ...columns } = columnsOf(rows);
      const expected = await Promise.all(rows.map((row) => single(row, outputs)));
      const answer = await service.batch({ columns, model: model![0], exercise_style: exercise_style![0], outputs });
      t.deepEqual(
        fromColumns(answer, outputs),
        expected.map(({ error, ...cells }) => (error === undefined ? cells : { error, cells: nulls(outputs) })),
      );
    }),
    { numRuns: 60 },
  );
});

test('every row of an Arrow stream, of any models, is the single call; utf8 and dictionary columns alike', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.array(spotRow, { minLength: 1, maxLength: 12 }),
        fc.array(fc.oneof(spotRow, forwardRow, treeRow), { minLength: 1, maxLength: 12 }),
      ),
      outputSets,
      fc.boolean(),
      async (rows, outputs, dictionary) => {
        const expected = await Promise.all(rows.map((row) => single(row, outputs)));
        const bytes = arrowStream(columnsOf(rows), { outputs: outputs.join(','), dictionary });
        const answer = readArrow(await service.send({ bytes, input: 'arrow', answer: ['arrow'] }));
        t.deepEqual(
          answer.map(({ error_field: _field, error_detail: _detail, ...row }) =>
            Object.fromEntries(
              Object.entries(row).map(([name, cell]) => [name, typeof cell === 'number' ? cell + 0 : cell]),
            ),
          ),
          expected.map(({ error, ...cells }) => ({
            error_code: error ?? null,
            ...(error === undefined ? cells : nulls(outputs)),
          })),
        );
      },
    ),
    { numRuns: 60 },
  );
});

test('heston and precision have columns of their own; a scalar stands for every row', async (t) => {
  const heston = { v0: 0.04, kappa: 1.5, theta: 0.05, sigma: 0.4, rho: -0.6 };
  const market = { spot: 100, time_to_expiry: 1, rate: 0.02, option_type: 'put' };
  const { price } = await service.price({ ...market, strike: 95, model: 'heston', heston });
  const smile = await service.batch({ columns: { ...market, strike: [95, 105], ...heston }, model: 'heston' });
  t.is(smile.columns['price']?.[0], price);
  t.is(smile.succeeded, 2);
  const american = { ...market, strike: 95, volatility: 0.3, exercise_style: 'american', model: 'andersen_lake' };
  const { exercise_style, model, ...columns } = american;
  const high = await service.batch({ columns: { ...columns, precision: ['fast', 'high'] }, exercise_style, model });
  t.is(high.columns['price']?.[1], (await service.price({ ...american, precision: 'high' })).price);
  t.true(Math.abs(high.columns['price']![0]! - high.columns['price']![1]!) < 1e-2);
});

test('implied volatility of a chain, in every format', async (t) => {
  const { volatility, ...rest } = { ...call, volatility: 0.31 };
  const strikes = [35, 40, 45];
  const prices = await Promise.all(
    strikes.map(async (strike) => (await service.price({ ...rest, volatility, strike })).price),
  );
  const outputs = ['implied_volatility', 'delta'];
  const rows = strikes.map((strike, index) => ({ ...rest, strike, price: prices[index]! }));
  const near = (values: unknown[]) =>
    t.true(
      values.every((value) => Math.abs(Number(value) - volatility) < 1e-9),
      String(values),
    );
  const objects = await service.batch({ options: [...rows, { ...rows[0]!, price: 1e6 }], outputs });
  near(objects.results.slice(0, 3).map((row) => row['implied_volatility']));
  t.is(objects.results[0]?.['price'], prices[0]);
  t.like(objects.results[3], { error: { code: 'pricing_calculation_failed' } });
  const { option_type, ...market } = rest;
  const columns = await service.batch({ columns: { ...market, option_type, strike: strikes, price: prices }, outputs });
  near([...columns.columns['implied_volatility']!]);
  t.deepEqual(columns.columns['delta'], objects.results.slice(0, 3).map((row) => row['delta']) as number[]);
  const arrow = readArrow(
    await service.send({
      bytes: arrowStream(columnsOf(rows), { outputs: outputs.join(',') }),
      input: 'arrow',
      answer: ['arrow'],
    }),
  );
  near(arrow.map((row) => row['implied_volatility']));
});

test('an answer satisfies its schema, whatever was asked', async (t) => {
  const options = [call, { ...call, spot: -1 }, { ...call, model: 'lattice' }, 'ü', { ...call, symbol: 'A"B' }];
  t.true(rowsAnswer.safeParse(await service.batch({ options, outputs: ['price', ...greekNames] })).success);
  const { spot: _, ...rest } = call;
  const columns = await service.batch({ columns: { ...rest, spot: [42, -1, null, '42'] }, outputs: greekNames });
  t.true(columnsAnswer.safeParse(columns).success);
  t.like(columns, { succeeded: 1, failed: 3, errors: [{ index: 1 }, { index: 2 }, { index: 3 }] });
});

test('columns are answered as Arrow and Arrow as columns, to whom asks for it; rows only as rows', async (t) => {
  const body = Buffer.from(JSON.stringify({ columns: { ...call, strike: [40, -1] } }));
  const arrow = readArrow(await service.send({ bytes: body, answer: ['arrow'] }));
  t.is(arrow[0]?.['price'], (await service.price(call)).price);
  t.like(arrow[1], { price: null, error_code: 'validation_failed' });
  const stream = arrowStream({ ...columnsOf([call]) });
  const json = JSON.parse((await service.send({ bytes: stream, input: 'arrow', answer: ['json'] })).toString()) as Row;
  t.like(json, { total_count: 1, columns: { price: [arrow[0]!['price']] } });
  const rows = Buffer.from(JSON.stringify({ options: [call] }));
  await t.throwsAsync(service.send({ bytes: rows, answer: ['arrow'] }), { message: /Rows are answered as/ });
  await t.throwsAsync(service.send({ bytes: body, answer: [] }), { instanceOf: AppError, code: 'not_acceptable' });
});

test.serial('each format is counted: rows by outcome, one batch by its size, one span', async (t) => {
  const spans = captureSpans(t);
  const { service: counted, workers: own, metrics, options } = setup();
  t.teardown(own.close);
  const rows = [call, { ...call, spot: -1 }, { ...call, time_to_expiry: 0, strike: 42 }];
  const outputs = ['gamma'];
  await counted.batch({ options: rows, outputs });
  await counted.batch({ columns: columnsOf(rows), outputs });
  await counted.send({ bytes: arrowStream(columnsOf(rows), { outputs: 'gamma' }), input: 'arrow', answer: ['arrow'] });
  for (const format of ['objects', 'columns', 'arrow'])
    t.is(metrics.value('volwatch_pricing_batch_size', { format }), 1);
  for (const outcome of ['ok', 'invalid', 'failed'])
    t.is(options({ operation: 'batch', model: 'black_scholes', outcome }), 3);
  t.deepEqual(
    spans.named('pricing.batch').map(({ attributes }) => attributes['pricing.batch.failed']),
    [2, 2, 2],
  );
  t.is(metrics.value('volwatch_pricing_duration_seconds', { operation: 'batch', model: 'black_scholes' }), 3);
});
