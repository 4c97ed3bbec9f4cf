import test from 'ava';
import { tableFromIPC } from 'apache-arrow';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { gridAnswerSchema } from '#src/pricing/grid/grid-schemas.ts';
import { captureSpans } from '#testkit/spans.ts';
import { call, setup } from '../setup.ts';

type Cells = Readonly<Record<string, readonly (number | null)[]>>;
type Answer = {
  readonly columns: Cells;
  readonly totals: Cells;
  readonly positions: readonly object[];
  readonly errors: readonly { readonly index: number; readonly position: number; readonly detail: string }[];
  readonly succeeded: number;
  readonly failed: number;
};

const room = setup({ workers: { queueLimit: 100 } });
const { service, workers, metrics } = room;
test.after.always(() => workers.close());

const bytesOf = async (body: unknown, answer: readonly ('json' | 'arrow')[] = ['json']): Promise<Buffer> => {
  const bytes = Buffer.from(JSON.stringify(body));
  return Buffer.concat((await service.grid({ bytes, answer, jsonDepth: 20 })).chunks);
};
const grid = async (body: unknown): Promise<Answer> => JSON.parse((await bytesOf(body)).toString()) as Answer;
const refusal = async (body: unknown): Promise<AppError> => {
  const error: unknown = await bytesOf(body).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof AppError) return error;
  throw new Error('not refused');
};

const put = { ...call, strike: 45, option_type: 'put', exercise_style: 'american' } as const;
const positions = [
  { ...call, id: 'A', quantity: 10 },
  { ...put, id: 2, quantity: -3 },
];
const axes = { spot_shifts: [-0.1, 0, 0.1], volatility_shifts: [0, 0.01], days: [0, 7] };
const isClose = (value: number | null | undefined, expected: number): boolean =>
  typeof value === 'number' && Math.abs(value - expected) <= 1e-10 * Math.max(1, Math.abs(expected));

test.serial('each node has what the single route answers for its inputs, times the quantity', async (t) => {
  const outputs = ['delta', 'vega'] as const;
  const answer = await grid({ positions, ...axes, outputs });
  t.true(gridAnswerSchema.safeParse(answer).success);
  t.deepEqual(answer.positions, [
    { id: 'A', quantity: 10, model: 'black_scholes' },
    { id: 2, quantity: -3, model: 'andersen_lake' },
  ]);
  const { columns, totals } = answer;
  t.is(columns['value']?.length, 24);
  t.is(totals['value']?.length, 12);
  const sums = new Map<string, number>();
  for (let row = 0; row < 24; row++) {
    const { id: _, quantity, ...option } = positions[columns['position']![row]!]!;
    const [spot, volatility, days] = ['spot_shift', 'volatility_shift', 'days'].map((name) => columns[name]![row]!);
    const single = await service.greeks({
      ...option,
      spot: option.spot * (1 + spot!),
      volatility: option.volatility + volatility!,
      time_to_expiry: option.time_to_expiry - days! / 365,
      outputs,
    });
    t.true(isClose(columns['value']![row], single.price * quantity), `row ${row}`);
    t.true(isClose(columns['delta']![row], single.delta! * quantity), `row ${row}`);
    t.true(isClose(columns['vega']![row], single.vega! * quantity), `row ${row}`);
    const node = `${spot} ${volatility} ${days}`;
    sums.set(node, (sums.get(node) ?? 0) + columns['value']![row]!);
  }
  t.is(sums.size, 12, 'all combinations of the axes are there');
  for (let node = 0; node < 12; node++) {
    const name = ['spot_shift', 'volatility_shift', 'days'].map((axis) => totals[axis]![node]).join(' ');
    t.true(isClose(totals['value']![node], sums.get(name)!), name);
  }
});

test.serial('an Arrow answer has the same rows, and the totals without a position', async (t) => {
  const body = { positions, ...axes, units: 'market' };
  const json = await grid(body);
  const table = tableFromIPC(await bytesOf(body, ['arrow']));
  t.is(table.schema.metadata.get('volwatch.units'), 'market');
  t.is(table.schema.metadata.get('volwatch.nodes'), '12');
  const rows = table.toArray().map((row: { toJSON: () => Record<string, unknown> }) => row.toJSON());
  t.is(rows.length, 36);
  for (const name of ['spot_shift', 'volatility_shift', 'days', 'value', 'delta', 'theta']) {
    const cells = rows.map((row) => row[name]);
    t.deepEqual(cells.slice(0, 24), [...json.columns[name]!], name);
    t.deepEqual(cells.slice(24), [...json.totals[name]!], name);
  }
  t.deepEqual(rows.map((row) => row['position']).slice(22), [1, 1, ...Array.from({ length: 12 }, () => null)]);
  t.is(rows[0]?.['id'], 'A');
  t.is(rows[12]?.['id'], '2');
});

test.serial('a node without a value is an error with its position, and its total is null', async (t) => {
  const answer = await grid({ positions, volatility_shifts: [-0.3, 0], outputs: ['delta'] });
  t.deepEqual(
    answer.columns['value']?.map((cell) => cell === null),
    [true, false, true, false],
  );
  t.deepEqual(
    answer.totals['value']?.map((cell) => cell === null),
    [true, false],
  );
  t.like(answer, { succeeded: 2, failed: 2 });
  t.like(answer.errors[1], { index: 2, position: 1 });
  t.regex(answer.errors[0]!.detail, /^volatility must be at least 0/);
  const table = tableFromIPC(await bytesOf({ positions, volatility_shifts: [-0.3, 0] }, ['arrow']));
  t.like(table.get(0)?.toJSON(), { value: null, error_code: 'validation_failed' });
  t.like(table.get(4)?.toJSON(), { value: null, position: null });
});

test.serial('forwards, Heston, dividends, dates and the time after the expiry are shifted', async (t) => {
  const heston = { v0: 0.04, kappa: 1.5, theta: 0.06, sigma: 0.7, rho: -0.6 };
  const { volatility: _, ...noVolatility } = call;
  const stochastic = await grid({ option: { ...noVolatility, model: 'heston', heston }, volatility_shifts: [0.01] });
  const moved = await service.price({ ...noVolatility, model: 'heston', heston: { ...heston, v0: 0.21 ** 2 } });
  t.true(isClose(stochastic.columns['value']?.[0], moved.price));

  const { spot: __, ...noSpot } = call;
  const onForward = await grid({ option: { ...noSpot, forward: 42, model: 'black76' }, spot_shifts: [0.5] });
  t.true(
    isClose(onForward.columns['value']?.[0], (await service.price({ ...noSpot, forward: 63, model: 'black76' })).price),
  );

  const paid = {
    ...call,
    dividends: [
      { time: 10 / 365, amount: 2 },
      { time: 40 / 365, amount: 1 },
    ],
  };
  const later = await grid({ option: paid, days: [20], outputs: ['delta'] });
  const expected = { ...call, time_to_expiry: 0.5 - 20 / 365, dividends: [{ time: 40 / 365 - 20 / 365, amount: 1 }] };
  t.true(isClose(later.columns['value']?.[0], (await service.price(expected)).price));

  const { time_to_expiry: ___, ...noTime } = call;
  const dated = { ...noTime, expiry: '2024-06-21', valuation_date: '2024-05-01', day_count: 'ACT/360' };
  const byDate = await grid({ option: dated, days: [10] });
  t.true(
    isClose(byDate.columns['value']?.[0], (await service.price({ ...dated, valuation_date: '2024-05-11' })).price),
  );

  const over = await grid({ option: { ...call, quantity: 2 }, spot_shifts: [0.5], days: [400], outputs: ['delta'] });
  t.is(over.columns['value']?.[0], 2 * (63 - 40));
});

test.serial('a mistake refuses the grid with its pointer', async (t) => {
  const refused: readonly (readonly [unknown, string])[] = [
    [[], ''],
    [{}, '/positions'],
    [{ positions: [] }, '/positions'],
    [{ positions: {} }, '/positions'],
    [{ positions: [call], option: call }, '/option'],
    [{ positions: [call, { ...call, strike: -1 }] }, '/positions/1/strike'],
    [{ positions: [call, 7] }, '/positions/1'],
    [{ positions: [{ ...call, quantity: '2' }] }, '/positions/0/quantity'],
    [{ positions: [{ ...call, quantity: 1e13 }] }, '/positions/0/quantity'],
    [{ positions: [{ ...call, id: {} }] }, '/positions/0/id'],
    [{ option: { ...call, expiry: '2024-06-21' } }, '/option/valuation_date'],
    [{ option: call, spot_shift: [0] }, '/spot_shift'],
    [{ option: call, spot_shifts: [] }, '/spot_shifts'],
    [{ option: call, spot_shifts: 0.1 }, '/spot_shifts'],
    [{ option: call, spot_shifts: [0, -1] }, '/spot_shifts/1'],
    [{ option: call, volatility_shifts: [null] }, '/volatility_shifts/0'],
    [{ option: call, spot_shifts: [0, { toString: 1 }] }, '/spot_shifts/1'],
    [{ option: call, volatility_shifts: [{ toString: 1 }] }, '/volatility_shifts/0'],
    [{ option: call, days: [{ toString: 1, valueOf: 1 }] }, '/days/0'],
    [{ option: call, days: [-1] }, '/days/0'],
    [{ option: call, outputs: ['price'] }, '/outputs/0'],
    [{ option: { ...call, model: 'baw', exercise_style: 'american' }, outputs: ['ultima'] }, '/outputs'],
    [{ option: call, units: 'trader' }, '/units'],
  ];
  for (const [body, pointer] of refused) {
    const { code, errors } = await refusal(body);
    t.is(code, 'validation_failed', JSON.stringify(body));
    t.is(errors?.[0]?.pointer, pointer, JSON.stringify(body));
  }
  t.is((await refusal({ option: { ...call, model: 'sabr' } })).code, 'pricing_model_unknown');
});

test.serial('positions times nodes are limited before they are calculated, and so is the work', async (t) => {
  const many = Array.from({ length: 317 }, (_, index) => index / 1_000);
  const tooMany = await refusal({ option: call, spot_shifts: many, volatility_shifts: many });
  t.like(tooMany.errors?.[0], { pointer: '/positions', code: 'invalid_length' });
  t.regex(tooMany.message, /100489 prices, and at most 100000/);
  const huge = await refusal({ option: call, days: Array.from({ length: 100_001 }, () => 1) });
  t.is(huge.code, 'validation_failed');
  t.is(huge.errors?.[0]?.pointer, '', 'the list is not known, so no list is named in the pointer');
  t.regex(huge.message + huge.errors?.[0]?.detail, /list can have at most 100000 items: shorten positions/);
  const deep = await refusal({ option: { ...call, dividends: Array.from({ length: 100_001 }, () => 1) } });
  t.is(deep.errors?.[0]?.pointer, '');
  const slow = { ...put, steps: 5_001 };
  t.is((await refusal({ option: slow, spot_shifts: many })).code, 'pricing_work_too_large');
  const largest = await grid({
    option: call,
    spot_shifts: many.slice(0, 250),
    volatility_shifts: many,
    outputs: ['delta'],
  });
  t.like(largest, { succeeded: 79_250, failed: 0 });
});

test.serial('a grid has a span, and is counted by operation and format', async (t) => {
  const spans = captureSpans(t);
  const ok = { operation: 'grid', model: 'black_scholes', outcome: 'ok' };
  const before = room.options(ok);
  await grid({ option: call, spot_shifts: [0, 0.1] });
  t.is(room.options(ok) - before, 2);
  t.is(spans.named('pricing.grid')[0]?.attributes['pricing.batch.size'], 2);
  t.true(metrics.value('volwatch_pricing_batch_size', { format: 'grid' }) > 0);
  await refusal({});
  t.true(room.options({ operation: 'grid', model: 'unknown', outcome: 'invalid' }) > 0);
});
