import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { arrowStream, columnsOf, readArrow, type Row } from '#testkit/arrow/arrow-support.ts';
import { setup } from './setup.ts';

const { service, workers } = setup();
test.after.always(() => workers.close());

const market = {
  spot: 100,
  strike: 102,
  time_to_expiry: 0.5,
  rate: 0.03,
  volatility: 0.25,
  exercise_style: 'american',
};
const put = { ...market, option_type: 'put' };
const dividends = [{ time: 0.25, amount: 2 }];
const outputs = ['price', 'delta', 'vega'] as const;
const cellsOf = (row: Row) => Object.fromEntries(outputs.map((name) => [name, Number(row[name])]));

const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
  } catch (error) {
    if (error instanceof AppError) return `${error.code} ${error.message.split(':')[0]}`;
    throw error;
  }
  return 'answered';
};

test('a row with dividends is answered as the single request is, and names its model and its dividend model', async (t) => {
  const single = await service.greeks({ ...put, dividends, outputs: outputs.slice(1) });
  t.like(single, { model: 'finite_difference', dividend_model: 'spot', dividends });
  const rows = await service.batch({ options: [{ ...put, dividends }], outputs });
  t.deepEqual(cellsOf(rows.results[0]!), cellsOf(single as unknown as Row));
  t.like(rows.results[0]!, { model: 'finite_difference', dividend_model: 'spot' });
  const escrowed = await service.price({ ...put, dividends, model: 'binomial_lr' });
  t.like(escrowed, { dividend_model: 'escrowed' });
  t.true(Math.abs(escrowed.price - single.price) < 0.5);
});

test('columns and Arrow answer what the single request answers, and fail a row with the same code', async (t) => {
  const good = { ...put, dividend_yield: 0.02, model: 'finite_difference' };
  const far = { ...good, volatility: 20, time_to_expiry: 100 };
  const rows = [good, { ...good, option_type: 'call' }, far, { ...good, rate: -0.01, dividend_yield: -0.03 }];
  const expected = await Promise.all(
    rows
      .slice(0, 2)
      .map(async (row) => cellsOf((await service.greeks({ ...row, outputs: outputs.slice(1) })) as never)),
  );
  const codes = ['pricing_calculation_failed not_converged', 'pricing_calculation_failed double_boundary'];
  t.deepEqual(await Promise.all(rows.slice(2).map((row) => codeOf(service.price(row)))), codes);
  const objects = await service.batch({ options: rows, outputs });
  t.deepEqual(objects.results.slice(0, 2).map(cellsOf), expected);
  const { model, exercise_style: style, ...columns } = columnsOf(rows);
  const byColumn = await service.batch({ columns, model: model![0], exercise_style: style![0], outputs });
  t.deepEqual(
    byColumn.errors.map(({ code, detail }) => `${code} ${detail.split(':')[0]}`),
    codes,
  );
  for (const [index, cells] of expected.entries()) {
    t.deepEqual(Object.fromEntries(outputs.map((name) => [name, byColumn.columns[name]![index]])), cells);
  }
  const bytes = arrowStream(columnsOf(rows), { outputs: outputs.join(',') });
  const arrow = readArrow(await service.send({ bytes, input: 'arrow', answer: ['arrow'] })) as Row[];
  t.deepEqual(arrow.slice(0, 2).map(cellsOf), expected);
  t.deepEqual(
    arrow.slice(2).map((row) => `${String(row['error_code'])} ${String(row['error_detail']).split(':')[0]}`),
    codes,
  );
});

// The queue of the test is short, so this request does not wait beside those of the others.
test.serial(
  'a request whose second dividend leaves nearly nothing has a price, also with hardly any volatility',
  async (t) => {
    const paidOut = [
      { time: 0.3, amount: 0.000001 },
      { time: 0.6, amount: 99.99999899 },
    ];
    for (const volatility of [1e-9, 1e-7, 1e-3]) {
      const inputs = { ...put, strike: 100, time_to_expiry: 1, rate: 0, volatility, dividends: paidOut };
      const { price } = await service.price(inputs);
      t.true(Math.abs(price - 100) < 0.05, `${price}`);
    }
  },
);

test('a batch fails the row whose dividends exceed the spot, and refuses dividends beside a yield', async (t) => {
  const rows = [
    { ...put, dividends },
    { ...put, dividends: [{ time: 0.25, amount: 120 }] },
  ];
  const { results, failed } = await service.batch({ options: rows });
  t.is(failed, 1);
  t.like(results[1]!, { error: { code: 'pricing_calculation_failed' } });
  t.is(await codeOf(service.price(rows[1]!)), 'pricing_calculation_failed dividends_exceed_spot');
  t.regex(await codeOf(service.price({ ...put, dividends, dividend_yield: 0.01 })), /^validation_failed/);
});

test('the steps of a preset choose the tree for American options with dividends, as steps of an option do', async (t) => {
  const presets = { steps: { steps: 51 }, grid: { model: 'finite_difference' } };
  const byUser = setup({ defaults: { model: 'black_scholes', decimalPlaces: 4, presets } });
  t.teardown(() => byUser.workers.close());
  const row = {
    spot: 100,
    strike: 100,
    time_to_expiry: 0.5,
    rate: 0.03,
    volatility: 0.2,
    option_type: 'put',
    exercise_style: 'american',
    dividends: [{ time: 0.25, amount: 2 }],
  };
  const explicit = await byUser.service.price({ ...row, steps: 51 });
  t.like(explicit, { model: 'binomial_lr', steps: 51 });
  const single = await byUser.service.price({ ...row, preset: 'steps' });
  t.like(single, { model: 'binomial_lr', steps: 51, dividend_model: 'escrowed', price: explicit.price });
  const { dividends: _, ...plain } = row;
  const european = { ...row, exercise_style: 'european' };
  const named = { ...row, model: 'finite_difference' };
  const rows = await byUser.service.batch({ options: [row, plain, european, named], preset: 'steps' });
  t.like(rows.results[0]!, { model: 'binomial_lr', price: explicit.price });
  t.like(rows.results[1]!, { model: 'andersen_lake' });
  t.like(rows.results[2]!, { model: 'black_scholes' });
  t.like(rows.results[3]!, { model: 'finite_difference' });
  t.like(await byUser.service.price({ ...row, preset: 'grid' }), { model: 'finite_difference' });
  t.like(await byUser.service.price(row), { model: 'finite_difference' });
});

test('theta with a dividend soon is right and the same in each format, also at an implied volatility', async (t) => {
  const soon = { ...put, option_type: 'call', strike: 120, steps: 501, dividends: [{ time: 0.02, amount: 3 }] };
  const named = ['theta', 'charm'] as const;
  const pick = (row: unknown): number[] => named.map((name) => Number((row as Row)[name]));
  const single = await service.greeks({ ...soon, outputs: named });
  t.is(single.model, 'binomial_lr');
  const { steps: _, ...plain } = soon;
  const european = { ...plain, exercise_style: 'european', model: 'black_scholes' };
  const exact = pick(await service.greeks({ ...european, outputs: named }));
  // Early exercise of this call is worth nearly nothing.
  for (const [n, value] of pick(single).entries()) {
    t.true(Math.abs(value / exact[n]! - 1) < 0.01, `${named[n]} ${value} ${exact[n]}`);
  }
  const rows = await service.batch({ options: [soon], outputs: named });
  t.deepEqual(pick(rows.results[0]), pick(single));
  const bytes = Buffer.from(JSON.stringify({ option: soon, outputs: named, days: [0, 5] }));
  const grid = await service.grid({ bytes, answer: ['json'], jsonDepth: 20 });
  const { columns } = JSON.parse(Buffer.concat(grid.chunks).toString()) as { columns: Record<string, number[]> };
  t.deepEqual(
    named.map((name) => columns[name]![0]!),
    pick(single),
  );
  const later = (years: number): number => years - 5 / 365;
  const after = await service.greeks({
    ...soon,
    time_to_expiry: later(0.5),
    dividends: [{ time: later(0.02), amount: 3 }],
    outputs: named,
  });
  for (const [n, name] of named.entries()) t.true(Math.abs(columns[name]![1]! / pick(after)[n]! - 1) < 1e-9, name);
  const { price } = await service.price(soon);
  const { volatility: __, ...unknown } = soon;
  const implied = await service.batch({ options: [{ ...unknown, price }], outputs: ['implied_volatility', ...named] });
  for (const [n, value] of pick(implied.results[0]).entries()) {
    t.true(Math.abs(value / pick(single)[n]! - 1) < 1e-4, `${named[n]} ${value}`);
  }
});
