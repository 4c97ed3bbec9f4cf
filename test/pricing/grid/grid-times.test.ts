import test from 'ava';
import { writeGridJson } from '#src/pricing/grid/write-grid-json.ts';
import { openGrid } from '#src/pricing/grid/open-grid.ts';
import { createShiftedOption } from '#src/pricing/grid/shift-option.ts';
import { createEngineFactory } from '#src/pricing/models/engine-factory.ts';
import type { Option } from '#src/pricing/models/engine.ts';
import { checkWork } from '#src/pricing/models/cost.ts';
import { pricingModels } from '#src/pricing/models/models.ts';
import { blackScholes, call, setup } from '../setup.ts';

const room = setup();
const { service, workers } = room;
test.after.always(() => workers.close());

type Cells = Readonly<Record<string, readonly (number | null)[]>>;
const valuesOf = async (option: object, days: readonly number[]): Promise<readonly (number | null)[]> => {
  const bytes = Buffer.from(JSON.stringify({ option, days, outputs: ['delta'] }));
  const answer = Buffer.concat((await service.grid({ bytes, answer: ['json'], jsonDepth: 20 })).chunks);
  return (JSON.parse(answer.toString()) as { columns: Cells }).columns['value']!;
};
const { time_to_expiry: _, ...noTime } = { ...call, spot: 40 };

const dayAfter = (date: string, days: number): string =>
  new Date(Date.parse(date) + days * 86_400_000).toISOString().slice(0, 10);

const dated = [
  { day_count: '30/360', valuation_date: '2026-02-01', expiry: '2026-03-01', days: 28 },
  { day_count: '30/360', valuation_date: '2026-01-15', expiry: '2026-08-28', days: 225 },
  { day_count: 'ACT/ACT ISDA', valuation_date: '2028-01-01', expiry: '2028-12-31', days: 365 },
  { day_count: 'ACT/ACT ISDA', valuation_date: '2027-10-01', expiry: '2029-02-01', days: 489 },
  { day_count: 'BUS/252', calendar: 'XLON', valuation_date: '2026-11-26', expiry: '2027-06-18', days: 204 },
  { day_count: 'ACT/360', valuation_date: '2024-05-01', expiry: '2024-06-21', days: 51 },
  { day_count: 'ACT/365F', valuation_date: '2024-05-01', expiry: '2024-06-21', days: 51 },
] as const;
for (const { days, ...dates } of dated) {
  test.serial(`each day before ${dates.expiry} has the price of that valuation date, ${dates.day_count}`, async (t) => {
    // BUS/252 refuses dividends with a date.
    const dividends = [{ date: dayAfter(dates.valuation_date, days - 7), amount: 1 }];
    const option = { ...noTime, ...dates, ...(dates.day_count !== 'BUS/252' && { dividends }) };
    const passed = [0, 1, 27, days - 8, days - 6, days - 1, days, days + 1].filter((day) => day !== days - 7);
    const values = await valuesOf(option, passed);
    for (const [index, day] of passed.entries()) {
      if (day >= days) {
        t.is(values[index], 0, `no time value is left after ${day} days`);
        continue;
      }
      const isPaid = day >= days - 7;
      const { dividends: all, ...rest } = option;
      const later = {
        ...rest,
        ...(!isPaid && all && { dividends: all }),
        valuation_date: dayAfter(dates.valuation_date, day),
      };
      t.is(values[index], (await service.price(later)).price, `${day} days`);
    }
    t.true(values[passed.indexOf(days - 1)]! > 0, 'a day before the expiry the option has time value');
  });
}

test.serial('a part of a day takes its part of the years of that day', async (t) => {
  const dates = { ...noTime, day_count: '30/360', valuation_date: '2026-02-01', expiry: '2026-03-01' };
  const half = await valuesOf(dates, [26.5, 27.5]);
  // On 28 February three days of 360 are left, on 1 March none.
  t.is(half[0], (await service.price({ ...noTime, time_to_expiry: 3.5 / 360 })).price);
  t.is(half[1], (await service.price({ ...noTime, time_to_expiry: 1.5 / 360 })).price);
});

test.serial('times without a date are shortened by the day count of the dates beside them', async (t) => {
  const dividends = [
    { date: '2028-03-01', amount: 1 },
    { time: 0.5, amount: 1 },
  ];
  const option = {
    ...call,
    dividends,
    valuation_date: '2028-01-01',
    day_count: 'ACT/ACT ISDA',
  };
  const [value] = await valuesOf(option, [30]);
  const left = { ...call, time_to_expiry: 0.5 - 30 / 366 };
  const payments = [
    { time: 30 / 366, amount: 1 },
    { time: 0.5 - 30 / 366, amount: 1 },
  ];
  t.true(Math.abs(value! - (await service.price({ ...left, dividends: payments })).price) < 1e-12);
});

const many = (length: number): number[] => Array.from({ length }, (_shift, index) => index / length);
const dividends = Array.from({ length: 1_000 }, (_payment, index) => ({ time: (index + 1) / 2_500, amount: 0.001 }));
const open = (body: object) =>
  openGrid(body, { engines: createEngineFactory({ models: pricingModels }), answer: 'json', write: writeGridJson });

test('the estimate of a grid with many dividends and nodes is fast, also if the grid is refused', (t) => {
  const slow = { ...call, model: 'binomial_lr', dividends };
  const grid = open({ option: slow, spot_shifts: many(100_000) });
  const before = process.cpuUsage();
  t.throws(() => checkWork(grid.estimate(), 30_000), { message: /The calculation would take about/ });
  const { user, system } = process.cpuUsage(before);
  t.true(user + system < 1_500_000, `${(user + system) / 1_000} ms`);
});

test('the dividends are shifted once for each number of days, and not for the estimate', (t) => {
  let reads = 0;
  const counted = dividends.map(({ time, amount }) => ({
    amount,
    get time() {
      reads++;
      return time;
    },
  }));
  const given = { ...call, dividends: counted, exercise_style: 'european', model: 'black_scholes', dividend_yield: 0 };
  const { option, shift, shiftNumbers } = createShiftedOption(given as unknown as Option, blackScholes, 3);
  const lists = new Set<unknown>();
  for (const spot of many(100)) {
    for (const [position, days] of [0, 7, 30].entries()) {
      t.is(shiftNumbers(spot, 0, days, position), undefined);
      t.is((option as { dividends?: unknown }).dividends, lists.size === 0 ? counted : [...lists].at(-1));
      t.is(shift(spot, 0, days, position), undefined);
      const list = (option as { dividends?: unknown }).dividends;
      lists.delete(list);
      lists.add(list);
    }
  }
  t.is(lists.size, 3, 'one list for each number of days');
  t.is(reads, counted.length, 'the given times are read once');
});

test('days whose dividends are not kept count in the estimate', (t) => {
  const costOf = (days: readonly number[], spots: readonly number[]): number =>
    open({ option: { ...call, dividends }, days, spot_shifts: spots, outputs: ['delta'] }).estimate().totalMs;
  const same = costOf([0], many(4_000));
  const different = costOf(many(4_000), [0]);
  // 4,000 days with 1,000 payments of 0.03 microseconds.
  t.true(different - same > 100, `${different} ms, ${same} ms`);
});

test.serial('v0 of heston has its max after the shift too', async (t) => {
  const { volatility: _volatility, ...rest } = call;
  const heston = { v0: 0.04, kappa: 1.5, theta: 0.06, sigma: 0.7, rho: -0.6 };
  const body = { option: { ...rest, model: 'heston', heston }, volatility_shifts: [1e6, 0, -1], outputs: ['delta'] };
  const bytes = Buffer.from(JSON.stringify(body));
  const answer = Buffer.concat((await service.grid({ bytes, answer: ['json'], jsonDepth: 20 })).chunks);
  const { errors, succeeded } = JSON.parse(answer.toString()) as { errors: { detail: string }[]; succeeded: number };
  t.is(succeeded, 1);
  t.regex(errors[0]!.detail, /^v0 must be at least 0 and at most 10000/);
  t.regex(errors[1]!.detail, /^The square root of v0 must be at least 0/);
});

test('the positions of a grid are read in small steps, and the estimate is made in small steps', (t) => {
  const stepsOf = (body: object): number => {
    const grid = open(body);
    return [...grid.prepare!()].length;
  };
  t.true(stepsOf({ positions: many(10_000).map(() => call) }) >= 500);
  t.true(stepsOf({ option: call, spot_shifts: many(50_000) }) >= 50);
  const wrong = open({ positions: [...many(50).map(() => call), { ...call, strike: -1 }] });
  const steps = wrong.prepare!();
  t.is(steps.next().done, false, 'the wrong position is not read yet');
  t.throws(() => [...steps], { message: /.+/ });
});

test('a grid has the same estimate and prices with and without its steps', (t) => {
  const body = { positions: [call, { ...call, strike: 90, model: 'binomial_lr' }], spot_shifts: many(2_000) };
  const [stepped, whole] = [open(body), open(body)];
  for (const step of stepped.prepare!()) t.is(step, undefined);
  t.deepEqual(stepped.estimate(), whole.estimate());
  t.true(whole.estimate().totalMs > 0);
});
