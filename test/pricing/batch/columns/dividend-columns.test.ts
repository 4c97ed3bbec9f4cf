import test from 'ava';
import { arrowStream, readArrow } from '#testkit/arrow/arrow-support.ts';
import { Field, Float64, List, Struct, Utf8, vectorFromArray, type DataType } from 'apache-arrow';
import { dividendTypeErrors } from '#src/pricing/arrow/dividend-column.ts';
import { setup } from '../../setup.ts';

const { service, workers } = setup();
test.after.always(() => workers.close());

const plain = { spot: 100, time_to_expiry: 1, rate: 0.05, volatility: 0.25, option_type: 'put' } as const;
const strikes = [90, 100, 110, 120];
const dividends = [
  [{ time: 0.25, amount: 2 }],
  null,
  [],
  [
    { time: 0.3, amount: 1 },
    { time: 0.8, amount: 1.5 },
  ],
];
const outputs = ['price', 'delta'] as const;

/** The rows as objects: a row without dividends has no such member. */
const rowsOf = (extra: object) =>
  strikes.map((strike, index) => ({
    ...plain,
    ...extra,
    strike,
    ...(dividends[index] !== null && { dividends: dividends[index] }),
  }));
type Given = readonly (readonly object[] | null)[];
const listsOf = (given: Given, members: Readonly<Record<string, DataType>>) => {
  const item = new Struct(Object.entries(members).map(([name, type]) => new Field(name, type, true)));
  // The writer makes NaN of an absent member, and null of a null.
  const complete = (each: object | null) =>
    each && { ...Object.fromEntries(Object.keys(members).map((name) => [name, null])), ...each };
  return vectorFromArray(
    given.map((list) => list && list.map(complete)) as never,
    new List(new Field('item', item, true)),
  );
};
const numbers = { amount: new Float64(), time: new Float64() };
const same = (value: number) => strikes.map(() => value);
const stream = (given: Given, { members = numbers as Readonly<Record<string, DataType>>, extra = {} } = {}) =>
  arrowStream(
    {
      spot: same(plain.spot),
      strike: strikes,
      time_to_expiry: same(plain.time_to_expiry),
      rate: same(plain.rate),
      volatility: same(plain.volatility),
      option_type: strikes.map(() => plain.option_type),
      ...extra,
      dividends: listsOf(given, members),
    },
    { outputs: outputs.join(',') },
  );
const sendArrow = async (bytes: Uint8Array) =>
  readArrow(await service.send({ bytes, input: 'arrow', answer: ['arrow'] }));

for (const style of ['european', 'american']) {
  test(`${style}: rows, columns and Arrow answer the same prices for the same dividends`, async (t) => {
    const { results } = await service.batch({ options: rowsOf({ exercise_style: style }), outputs });
    const expected = results.map(({ price, delta }) => ({ price, delta }));
    t.is(results.filter(({ price }) => typeof price === 'number').length, strikes.length);
    t.not(expected[3]?.price, expected[2]?.price);
    const columns = await service.batch({
      columns: { ...plain, strike: strikes, dividends, exercise_style: style },
      outputs,
    });
    t.deepEqual(
      strikes.map((_, index) => ({ price: columns.columns['price']![index], delta: columns.columns['delta']![index] })),
      expected as never,
    );
    const arrow = await sendArrow(stream(dividends, { extra: { exercise_style: strikes.map(() => style) } }));
    t.deepEqual(
      arrow.map(({ price, delta }) => ({ price, delta })),
      expected,
    );
  });
}

test('one list of dividends stands for all rows', async (t) => {
  const list = dividends[3]!;
  const one = await service.batch({ columns: { ...plain, strike: strikes, dividends: list } });
  const each = await service.batch({ columns: { ...plain, strike: strikes, dividends: strikes.map(() => list) } });
  const none = await service.batch({ columns: { ...plain, strike: strikes, dividends: [] } });
  const without = await service.batch({ columns: { ...plain, strike: strikes } });
  t.is(one.succeeded, strikes.length);
  t.deepEqual(one.columns, each.columns);
  t.deepEqual(none.columns, without.columns);
  t.notDeepEqual(one.columns, none.columns);
});

test('dividends by date are counted from the valuation date of their row, with years or an expiry', async (t) => {
  const dated = [{ date: '2026-06-01', amount: 2 }];
  const row = { ...plain, strike: 100, valuation_date: '2026-01-01', dividends: dated };
  const { time_to_expiry: _, ...undated } = row;
  const rows = [row, { ...undated, expiry: '2027-01-01' }];
  const { results } = await service.batch({ options: rows });
  const columns = await service.batch({
    columns: {
      ...undated,
      time_to_expiry: [1, null],
      expiry: [null, '2027-01-01'],
      dividends: [dated, dated],
    },
  });
  t.deepEqual(
    [...columns.columns['price']!],
    results.map(({ price }) => price as number),
  );
  const members = { date: new Utf8(), amount: new Float64() };
  const arrow = await sendArrow(
    stream(
      strikes.map((strike) => (strike === 100 ? dated : null)),
      { members, extra: { valuation_date: strikes.map((strike) => (strike === 100 ? '2026-01-01' : null)) } },
    ),
  );
  t.is(arrow[1]?.['price'], results[0]?.['price']);
  t.is(arrow.filter((each) => each['error_code'] === null).length, strikes.length);
});

test('some rows have dividends and others a dividend yield; a row with both fails', async (t) => {
  const columns = { ...plain, strike: 100, dividends: [[{ time: 0.5, amount: 1 }], null, [{ time: 0.5, amount: 1 }]] };
  const answer = await service.batch({ columns: { ...columns, dividend_yield: [null, 0.02, 0.02] } });
  t.like(answer, {
    succeeded: 2,
    errors: [
      {
        index: 2,
        field: 'dividends',
        detail: 'dividends and dividend_yield cannot be sent together: remove one of them',
      },
    ],
  });
});

const wrong = [
  [[{ time: 0, amount: 1 }], 'dividends[0]: time must be greater than 0 and at most 200, not 0'],
  [
    [
      { time: 0.1, amount: 1 },
      { time: 0.2, amount: -1 },
    ],
    'dividends[1]: amount must be at least 0 and at most 1e12, not -1',
  ],
  [[{ time: 0.1 }], 'dividends[0]: amount is required: send a number (amount of the dividend)'],
  [
    [{ amount: 1 }],
    'dividends[0]: time is required: send a number (years until the dividend is paid), or send date, with valuation_date beside dividends',
  ],
  [
    [null],
    'dividends[0]: each item of dividends must be an object with time in years (or date) and amount, such as {"time": 0.25, "amount": 1.5}, not null',
  ],
  [Array.from({ length: 1_001 }, () => ({ time: 0.1, amount: 0 })), 'dividends must have at most 1000 items, not 1001'],
] as const;

test('a wrong dividend fails its row in columns and in Arrow, and the text names the item and its member', async (t) => {
  const lists = [...wrong.map(([list]) => list), [{ time: 0.5, amount: 1 }]] as unknown as (readonly object[])[];
  const expected = wrong.map(([, detail]) => ({ field: 'dividends', detail }));
  const json = await service.batch({ columns: { ...plain, strike: lists.map(() => 100), dividends: lists } });
  t.is(json.succeeded, 1);
  t.deepEqual(
    json.errors.map(({ field, detail }) => ({ field, detail })),
    expected as never,
  );
  const same = (value: number | string) => lists.map(() => value) as number[];
  const bytes = arrowStream({
    ...Object.fromEntries(Object.entries({ ...plain, strike: 100 }).map(([name, value]) => [name, same(value)])),
    dividends: listsOf(lists, numbers),
  });
  const arrow = await sendArrow(bytes);
  t.deepEqual(
    arrow.slice(0, -1).map((row) => ({ field: row['error_field'], detail: row['error_detail'] })),
    expected as never,
  );
  t.is(arrow.at(-1)?.['error_code'], null);
});

test('a mistake of the whole column is one 422: its type, its members, a model without dividends', async (t) => {
  const detail = async (work: Promise<unknown>) => (await t.throwsAsync(work))?.message;
  const columns = { ...plain, strike: strikes };
  t.is(
    await detail(service.batch({ columns: { ...columns, dividends: 1 } })),
    'dividends must be a list of objects with time in years (or date) and amount, such as [{"time": 0.25, "amount": 1.5}], for all rows, or an array with such a list for each row, not 1',
  );
  t.regex(
    await detail(
      service.batch({ columns: { ...columns, dividends }, model: 'andersen_lake', exercise_style: 'american' }),
    ),
    /^dividends is an input of the models black_scholes, .*, not of andersen_lake/,
  );
  const list = (members: Readonly<Record<string, DataType>>) =>
    detail(sendArrow(stream([[], [], [], [{}]], { members })));
  t.is(
    await list({ amount: new Float64(), tme: new Float64() }),
    'columns/dividends: "tme" is not a member here, only time, amount and date; did you mean time? (1 more in errors)',
  );
  t.is(
    await list({ amount: new Utf8(), time: new Float64() }),
    'amount of dividends must be numbers, not Utf8: cast it',
  );
  t.regex(await list({ time: new Float64() }), /^amount is required/);
});

test('a member that is twice in the lists is refused, because one of the two would be lost', (t) => {
  const number = { kind: 'number', name: 'Float64' } as const;
  const members = ['time', 'amount', 'amount'].map((name) => ({ name, type: number, nullable: true }));
  const errors = dividendTypeErrors('dividends', { kind: 'list', name: 'List', members } as unknown as Parameters<
    typeof dividendTypeErrors
  >[1]);
  t.deepEqual(
    errors.map(({ code, detail }) => [code, detail]),
    [['conflict', 'amount is twice in dividends: remove one of them']],
  );
});
