import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { barrierTypes } from '#src/pricing/engines/exotic/barrier-types.ts';
import { exoticOutputs } from '#src/pricing/engines/exotic/exotic-engines.ts';
import { arrowStream, columnsOf, readArrow, type Row } from '#testkit/arrow/arrow-support.ts';
import { setup } from './setup.ts';

const { service, workers } = setup();
test.after.always(() => workers.close());

const market = { spot: 100, strike: 102, time_to_expiry: 0.5, rate: 0.03, volatility: 0.25, dividend_yield: 0.01 };
const barriers = barrierTypes.flatMap((barrier_type) =>
  ['call', 'put'].map((option_type) => ({
    ...market,
    option_type,
    model: 'barrier',
    barrier_type,
    barrier: barrier_type.startsWith('down') ? 88 : 117,
    rebate: 1.5,
  })),
);
const digitals = ['cash_or_nothing', 'asset_or_nothing'].map((model) => ({ ...market, option_type: 'call', model }));
const greeks = exoticOutputs.slice(1, -1);
const outputs = ['price', ...greeks];

const cellsOf = (row: Row) => Object.fromEntries(outputs.map((name) => [name, Number(row[name]) + 0]));
const single = async (row: Row) => cellsOf(await service.greeks({ ...row, outputs: greeks }));
const columnOf = (answer: { columns: Readonly<Record<string, readonly (number | null)[]>> }, index: number): Row =>
  Object.fromEntries(outputs.map((name) => [name, answer.columns[name]![index]]));

test('rows, columns and Arrow answer what the single request answers', async (t) => {
  for (const rows of [barriers, digitals.slice(0, 1), digitals.slice(1)]) {
    const expected = await Promise.all(rows.map(single));
    const objects = await service.batch({ options: rows, outputs });
    t.deepEqual(objects.results.map(cellsOf), expected);
    const { model, ...columns } = columnsOf(rows);
    const byColumn = await service.batch({ columns, model: model![0], outputs });
    t.deepEqual(
      expected.map((_, index) => cellsOf(columnOf(byColumn, index))),
      expected,
    );
    for (const dictionary of [false, true]) {
      const bytes = arrowStream(columnsOf(rows), { outputs: outputs.join(','), dictionary });
      const answer = readArrow(await service.send({ bytes, input: 'arrow', answer: ['arrow'] }));
      t.deepEqual(answer.map(cellsOf), expected);
    }
  }
});

test('a bad kind of barrier fails its row only, in every format', async (t) => {
  const rows = [barriers[0]!, { ...barriers[1]!, barrier_type: 'up-and-out' }, barriers[2]!];
  const objects = await service.batch({ options: rows });
  const { error } = objects.results[1] as { error: Row };
  t.is(error['pointer'], '/options/1/barrier_type');
  t.is(
    error['detail'],
    'barrier_type must be down_in, down_out, up_in or up_out, not the string "up-and-out"; did you mean up_out?',
  );
  const { model, ...columns } = columnsOf(rows);
  const byColumn = await service.batch({ columns, model: model![0] });
  t.like(byColumn, { succeeded: 2, failed: 1 });
  t.like(byColumn.errors[0], { index: 1, code: 'validation_failed', field: 'barrier_type', detail: error['detail'] });
  const bytes = arrowStream(columnsOf(rows));
  const arrow = readArrow(await service.send({ bytes, input: 'arrow', answer: ['arrow'] })) as Row[];
  t.like(arrow[1], { error_code: 'validation_failed', error_field: 'barrier_type', error_detail: error['detail'] });
});

const refusalOf = async (work: Promise<unknown>): Promise<AppError> => {
  try {
    await work;
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error('the request was not refused');
};

test('a missing kind or level of the barrier is refused, with the pointer of the member', async (t) => {
  for (const member of ['barrier_type', 'barrier']) {
    const { [member]: _, ...rest } = barriers[0]! as Row;
    const { code, errors } = await refusalOf(service.price(rest));
    t.is(code, 'validation_failed');
    t.like(errors?.[0], { pointer: `/${member}`, code: 'required' });
    const { model: __, ...columns } = rest as Record<string, unknown>;
    const ofBatch = await refusalOf(service.batch({ columns, model: 'barrier' }));
    t.like(ofBatch.errors?.[0], { pointer: `/columns/${member}`, code: 'required' });
  }
  const american = await refusalOf(service.price({ ...barriers[0]!, exercise_style: 'american' }));
  t.is(american.errors?.[0]?.pointer, '/exercise_style');
  const cash = await refusalOf(service.price({ ...barriers[0]!, cash: 3 }));
  t.is(cash.errors?.[0]?.pointer, '/cash');
});

const impliedOf = async (row: Row, price: number): Promise<number> => {
  const { volatility: _, ...rest } = row;
  const answer = await service.impliedVolatility({ ...rest, price });
  return answer.implied_volatility;
};

test('a price that one volatility gives has it as its implied volatility', async (t) => {
  const rows: Row[] = [
    { ...market, model: 'barrier', option_type: 'call', barrier_type: 'up_in', barrier: 117 },
    { ...market, model: 'barrier', option_type: 'put', barrier_type: 'down_in', barrier: 88 },
    { ...market, model: 'cash_or_nothing', option_type: 'call', strike: 90, cash: 10 },
    { ...market, model: 'asset_or_nothing', option_type: 'call', strike: 120 },
  ];
  for (const row of rows) {
    for (const volatility of [0.12, 0.3, 0.9]) {
      const { price } = await service.price({ ...row, volatility });
      t.true(Math.abs((await impliedOf(row, price)) / volatility - 1) < 1e-10, JSON.stringify({ row, volatility }));
    }
  }
});

test('a price that several volatilities give, or none, is refused with its reason', async (t) => {
  const digital = { ...market, model: 'cash_or_nothing', option_type: 'call', strike: 120, cash: 10 };
  const knockOut = { ...market, model: 'barrier', option_type: 'call', barrier_type: 'up_out', barrier: 130 };
  for (const row of [digital, knockOut]) {
    const { price } = await service.price({ ...row, volatility: 0.2 });
    const several = await refusalOf(impliedOf(row, price));
    t.is(several.code, 'pricing_calculation_failed');
    t.true(several.message.startsWith('volatility_not_unique: '), several.message);
    t.true((await refusalOf(impliedOf(row, 99))).message.startsWith('price_above_maximum: '));
    t.true((await refusalOf(impliedOf(row, -1))).message.startsWith('price_below_minimum: '));
  }
  const touched = { ...knockOut, barrier: 90 };
  t.true((await refusalOf(impliedOf(touched, 0))).message.startsWith('no_volatility_information: '));
});

test('a spot beyond the barrier has touched it: the vanilla option, or the rebate', async (t) => {
  const beyond = { ...market, model: 'barrier', option_type: 'put', barrier: 105, rebate: 2 };
  const vanilla = await service.price({ ...market, option_type: 'put' });
  t.is((await service.price({ ...beyond, barrier_type: 'down_in' })).price, vanilla.price);
  t.is((await service.price({ ...beyond, barrier_type: 'down_out' })).price, 2);
});
