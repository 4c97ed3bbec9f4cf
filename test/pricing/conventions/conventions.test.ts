import test from 'ava';
import { DateDay, TimestampNanosecond, TimestampMicrosecond, Utf8, vectorFromArray, type Vector } from 'apache-arrow';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { arrowStream, readArrow } from '#testkit/arrow/arrow-support.ts';
import { setup } from '../setup.ts';

const { service, workers } = setup({ workers: { queueLimit: 100 } });
test.after.always(() => workers.close());

const market = { spot: 187, rate: 0.05, volatility: 0.24 };
const plain = { ...market, strike: 190, option_type: 'call' } as const;
const dates = { valuation_date: '2024-05-01', day_count: 'ACT/360' };
const years = 51 / 360;
const contract = { ...market, ...dates, contract: 'AAPL  240621C00190000' };
const byExpiry = { ...plain, ...dates, expiry: '2024-06-21' };
const byYears = { ...plain, time_to_expiry: years };

const refusal = async (work: Promise<unknown>): Promise<AppError> => {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof AppError) return error;
  throw new Error('not refused');
};

test('expiry and contract give the price of the same years, and the answer repeats them', async (t) => {
  const { price } = await service.price(byYears);
  t.like(await service.price(byExpiry), { ...byExpiry, time_to_expiry: years, price });
  t.like(await service.price(contract), { ...contract, ...byExpiry, time_to_expiry: years, price });
  const { day_count: _, ...noDayCount } = byExpiry;
  t.like(await service.price(noDayCount), { time_to_expiry: 51 / 365, day_count: 'ACT/365F' });
  const { volatility: __, ...noVolatility } = contract;
  t.like(await service.impliedVolatility({ ...noVolatility, price }), { contract: contract.contract });
  t.is((await service.greeks(contract)).delta, (await service.greeks(byYears)).delta);
});

test('expiry and contract are priced alike in rows, columns and Arrow', async (t) => {
  const { price } = await service.price(byYears);
  const rows = await service.batch({ options: [contract, byExpiry, byYears, { ...byExpiry, expiry: '2024-02-30' }] });
  t.deepEqual(
    rows.results.slice(0, 3).map((row) => row['price']),
    [price, price, price],
  );
  t.like(rows.results[0], { ...contract, strike: 190, time_to_expiry: years });
  t.like(rows.results[3], { expiry: '2024-02-30', error: { pointer: '/options/3/expiry' } });

  const columns = await service.batch({
    columns: {
      ...market,
      ...dates,
      contract: [contract.contract, null, null, 'AAPL'],
      expiry: [null, '2024-06-21', null, null],
      time_to_expiry: [null, null, years, null],
      strike: [null, 190, 190, null],
      option_type: [null, 'call', 'call', null],
      valuation_date: ['2024-05-01', '2024-05-01', null, '2024-05-01'],
      day_count: ['ACT/360', 'ACT/360', null, null],
    },
  });
  t.deepEqual(columns.columns['price'], [price, price, price, null]);
  t.like(columns.errors[0], { index: 3, field: 'contract' });

  const uniform = await service.batch({
    columns: { ...market, ...dates, contract: [contract.contract, contract.contract] },
  });
  t.deepEqual(uniform.columns['price'], [price, price]);

  const pair = (cell: number | string) => [cell, cell] as number[] | string[];
  const day = Date.UTC(2024, 5, 21);
  const expiries: readonly (readonly [string, Vector])[] = [
    ['Utf8', vectorFromArray(pair('2024-06-21'), new Utf8())],
    ['Date32', vectorFromArray([new Date(day), new Date(day)], new DateDay())],
    ['Timestamp us', vectorFromArray([new Date(day), new Date(day)], new TimestampMicrosecond())],
    ['Timestamp ns', vectorFromArray([new Date(day), new Date(day)], new TimestampNanosecond())],
  ];
  for (const [name, expiry] of expiries) {
    const bytes = arrowStream({
      ...Object.fromEntries(Object.entries({ ...plain, ...dates }).map(([key, cell]) => [key, pair(cell)])),
      expiry,
    });
    const answer = readArrow(await service.send({ bytes, input: 'arrow', answer: ['arrow'] }));
    t.deepEqual(
      answer.map((row) => row['price']),
      [price, price],
      name,
    );
  }
  const wrong = arrowStream({ spot: vectorFromArray([new Date(day)], new DateDay()), strike: [1] });
  t.is((await refusal(service.send({ bytes: wrong, input: 'arrow' }))).errors?.[0]?.pointer, '/columns/spot');
});

test('dividends by date are those of the same years', async (t) => {
  const by = {
    ...byExpiry,
    dividends: [
      { date: '2024-05-31', amount: 1.5 },
      { time: 0.1, amount: 1 },
    ],
  };
  const answer = await service.price(by);
  const { price } = await service.price({
    ...byYears,
    dividends: [
      { time: 30 / 360, amount: 1.5 },
      { time: 0.1, amount: 1 },
    ],
  });
  t.is(answer.price, price);
  t.like(answer, {
    dividends: [
      { date: '2024-05-31', time: 30 / 360, amount: 1.5 },
      { time: 0.1, amount: 1 },
    ],
  });
  t.is((await service.batch({ options: [by] })).results[0]?.['price'], price);
  // Only the dividends have dates.
  const mixed = { ...byYears, ...dates, dividends: by.dividends };
  t.is((await service.price(mixed)).price, price);
  const onTheDay = { ...by, dividends: [{ date: '2024-05-01', amount: 1 }] };
  t.is((await refusal(service.price(onTheDay))).errors?.[0]?.pointer, '/dividends/0/date');
});

test('an American option without a model has a model chosen, and the answer says which', async (t) => {
  const american = { ...byYears, option_type: 'put', exercise_style: 'american' };
  const { price } = await service.price({ ...american, model: 'andersen_lake' });
  t.like(await service.price(american), { model: 'andersen_lake', price });
  t.like(await service.price({ ...american, steps: 101 }), { model: 'binomial_lr' });
  const dividends = [{ time: 0.1, amount: 1 }];
  t.like(await service.price({ ...american, dividends }), { model: 'finite_difference', dividend_model: 'spot' });
  const tree = await service.price({ ...american, dividends, steps: 101 });
  t.like(tree, { model: 'binomial_lr', dividend_model: 'escrowed' });
  const rows = await service.batch({ options: [american, { ...american, exercise_style: 'european' }] });
  t.deepEqual(
    rows.results.map(({ model }) => model),
    ['andersen_lake', 'black_scholes'],
  );
  const columns = { ...american, strike: [190, 190] };
  t.like(await service.batch({ columns }), { columns: { price: [price, price] }, chosen_models: ['andersen_lake'] });
  const mixed = await service.batch({ columns: { ...columns, steps: [null, 101] } });
  t.like(mixed, { succeeded: 1, chosen_models: ['binomial_lr'] });
  // null in JSON is no value of these inputs, as the description of the columns says.
  const withoutYield = await service.batch({ columns: { ...columns, dividend_yield: [0, null] } });
  t.like(withoutYield, { succeeded: 1, errors: { 0: { index: 1, field: 'dividend_yield' } } });
  const european = await service.batch({ columns: { ...columns, exercise_style: ['american', 'european'] } });
  t.like(european, { succeeded: 2, chosen_models: ['andersen_lake'] });
  t.false('chosen_models' in (await service.batch({ columns: { ...byYears, strike: [190] } })));
});

test('what has no effect, and what contradicts, is refused', async (t) => {
  const refused: readonly (readonly [object, string])[] = [
    [{ ...byYears, valuation_date: '2024-05-01' }, '/valuation_date'],
    [{ ...byYears, day_count: 'ACT/360' }, '/day_count'],
    [{ ...byExpiry, time_to_expiry: 1 }, '/expiry'],
    [{ ...byExpiry, valuation_date: undefined }, '/valuation_date'],
    [{ ...byExpiry, valuation_date: '2024-06-22' }, '/expiry'],
    [{ ...byExpiry, valuation_date: '1800-01-01' }, '/expiry'],
    [{ ...byExpiry, day_count: 'BUS/365' }, '/day_count'],
    [{ ...byExpiry, day_count: '30/360', expiry: '2024-06-21T16:00:00Z' }, '/expiry'],
    [{ ...contract, strike: 190 }, '/strike'],
    [{ ...contract, option_type: 'call' }, '/option_type'],
    [{ ...contract, expiry: '2024-06-21' }, '/expiry'],
    [{ ...byYears, ...dates, dividends: [{ date: '2024-05-31', time: 1, amount: 1 }] }, '/dividends/0/date'],
  ];
  for (const [body, pointer] of refused) {
    t.is((await refusal(service.price(body))).errors?.[0]?.pointer, pointer, JSON.stringify(body));
  }
  t.like(await service.price({ ...byExpiry, expiry: '2024-05-01' }), { time_to_expiry: 0, price: 0 });
});

test('years that come from dates are not taken for days', async (t) => {
  const far = { ...byExpiry, expiry: '2084-06-21', strict_units: true };
  t.is((await service.price(far)).warnings, undefined);
  t.truthy((await service.price({ ...byYears, time_to_expiry: 60 })).warnings);
  const { strict_units: _, ...row } = far;
  const columns = { ...row, strike: [190, 191] };
  t.like(await service.batch({ columns, strict_units: true }), { succeeded: 2 });
  t.false('warnings' in (await service.batch({ columns })));
});

test('the cost of a row is estimated with the years of its dates and the model that is chosen for it', async (t) => {
  const slow = { ...market, strike: 190, option_type: 'put', exercise_style: 'american', steps: 10_001, ...dates };
  const rows = Array.from({ length: 1_000 }, () => ({ ...slow, expiry: '2024-06-21' }));
  t.is((await refusal(service.batch({ options: rows }))).code, 'pricing_work_too_large');
  const columns = { ...slow, expiry: '2024-06-21', spot: rows.map(() => 100) };
  t.is((await refusal(service.batch({ columns }))).code, 'pricing_work_too_large');
});
