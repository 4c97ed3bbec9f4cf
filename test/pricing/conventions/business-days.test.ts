import test from 'ava';
import { arrowStream, readArrow } from '#testkit/arrow/arrow-support.ts';
import { calendarYears } from '#src/kernel/trading-days/business-days.ts';
import type { Exchange } from '#src/kernel/trading-days/exchanges.ts';
import { yearsBetween } from '#src/pricing/request/conventions/day-count.ts';
import { setup } from '../setup.ts';

const { service, workers } = setup();
test.after.always(() => workers.close());

const spans = [
  ['2024-01-02', '2025-01-02'],
  ['2026-11-26', '2027-11-26'],
  ['2001-09-03', '2001-09-30'],
  ['2015-06-01', '2020-06-01'],
  ['2026-12-24', '2026-12-28'],
  ['2023-03-04', '2023-03-05'],
  ['2010-01-01', '2025-12-31'],
] as const;
/**
 * Days of `ql.Business252(calendar).yearFraction` in QuantLib 1.44, whose calendars are rules of its own, with
 * UnitedStates(NYSE), UnitedKingdom(Exchange), Canada(TSX), Japan and Australia(ASX). Left out (undefined) are spans where
 * it differs: it lacks the closing of Toronto after 11 September 2001 and one holiday each of Tokyo and Sydney, and its
 * calendars of Frankfurt, Paris, Zurich and Hong Kong are not those of the exchanges.
 */
const byQuantLib: Partial<Record<Exchange, readonly (number | undefined)[]>> = {
  XNYS: [252, 250, 15, 1259, 1, 0, 4023],
  XLON: [254, 253, 20, 1265, 1, 0, 4040],
  XTSE: [252, 251, undefined, 1255, 1, 0, 4013],
  XTKS: [245, 244, 19, 1220, 2, 0, undefined],
  XASX: [254, 254, 20, 1266, 1, 0, undefined],
};
/** Sessions that exchange_calendars 4.13.2 counts in the same spans but the last, for the calendars that QuantLib lacks. */
const bySessions: Partial<Record<Exchange, readonly number[]>> = {
  XNAS: [252, 250, 15, 1259, 1, 0],
  XETR: [254, 255, 20, 1264, 0, 0],
  XPAR: [256, 257, 20, 1279, 1, 0],
  XAMS: [256, 257, 20, 1279, 1, 0],
  XSWX: [250, 253, 20, 1256, 0, 0],
  XHKG: [246, 248, 20, 1232, 1, 0],
};

for (const [exchange, counts] of [...Object.entries(byQuantLib), ...Object.entries(bySessions)]) {
  test(`BUS/252 counts the trading days of ${exchange} as other programs do`, (t) => {
    for (const [index, count] of counts.entries()) {
      if (count === undefined) continue;
      const [from, to] = spans[index]!;
      t.is(
        yearsBetween('BUS/252', Date.parse(from), Date.parse(to), exchange as Exchange),
        count / 252,
        `${from} ${to}`,
      );
      t.is(yearsBetween('BUS/252', Date.parse(to), Date.parse(from), exchange as Exchange), -count / 252 + 0);
    }
  });
}

const market = { spot: 100, strike: 100, rate: 0.03, volatility: 0.2, option_type: 'call' };
const dated = { ...market, valuation_date: '2026-11-26', expiry: '2027-11-26', day_count: 'BUS/252' };

test('an option is priced with the years of its calendar, XNYS without one, and the answer names it', async (t) => {
  const years = async (row: object) => (await service.price(row)) as unknown as Record<string, unknown>;
  t.like(await years(dated), { time_to_expiry: 250 / 252, day_count: 'BUS/252', calendar: 'XNYS' });
  const tokyo = await years({ ...dated, calendar: 'XTKS' });
  t.like(tokyo, { time_to_expiry: 244 / 252, calendar: 'XTKS' });
  t.is(tokyo['price'], (await service.price({ ...market, time_to_expiry: 244 / 252 })).price);
  const dividend = await years({ ...dated, dividends: [{ time: 0.1, amount: 1 }] });
  t.true((dividend['price'] as number) < ((await years(dated))['price'] as number));
});

test('rows, columns and Arrow count with the calendar of each row', async (t) => {
  const calendars = ['XNYS', 'XTKS', 'XLON'];
  const options = calendars.map((calendar) => ({ ...dated, calendar }));
  const expected = (await service.batch({ options })).results.map(({ price }) => price as number);
  t.is(new Set(expected).size, 3);
  t.deepEqual((await service.batch({ columns: { ...dated, calendar: calendars } })).columns['price'], expected);
  const same = <T>(value: T) => calendars.map(() => value);
  const bytes = arrowStream({
    ...(Object.fromEntries(Object.entries(dated).map(([name, value]) => [name, same(value)])) as Record<
      string,
      string[]
    >),
    calendar: calendars,
  });
  const answer = readArrow(await service.send({ bytes, input: 'arrow', answer: ['arrow'] }));
  t.deepEqual(
    answer.map(({ price }) => price),
    expected,
  );
});

const refused = [
  [{ calendar: 'XNSY' }, '/calendar', /^calendar must be .*did you mean XNYS\?/],
  [{ calendar: 'XLON', day_count: 'ACT/360' }, '/calendar', /^calendar has no effect without day_count BUS\/252/],
  [
    { expiry: '2029-01-02' },
    '/expiry',
    /^expiry must be from 2000-01-01 to 2028-12-31 for BUS\/252, not 2029-01-02: send such a date, or the day_count ACT\/365F, ACT\/ACT ISDA, ACT\/360 or 30\/360$/,
  ],
  [{ valuation_date: '1999-12-31' }, '/valuation_date', /^valuation_date must be from 2000-01-01 to 2028-12-31/],
  [{ expiry: '2027-11-26T16:00:00Z' }, '/expiry', /^BUS\/252 counts whole days: send dates, or another day_count$/],
  [
    { dividends: [{ date: '2026-12-28', amount: 1 }] },
    '/dividends/0/date',
    /^BUS\/252 counts trading days, .*: send time, or another day_count$/,
  ],
] as const;
for (const [change, pointer, text] of refused) {
  test(`refused: ${JSON.stringify(change)}`, async (t) => {
    const error = await t.throwsAsync<Error & { errors?: { pointer: string; detail: string }[] }>(
      service.price({ ...dated, ...change }),
      { code: 'validation_failed' },
    );
    t.is(error?.errors?.[0]?.pointer, pointer);
    t.regex(error?.errors?.[0]?.detail ?? '', text);
  });
}

test('the first and the last day of the calendar are accepted', async (t) => {
  const { from, to } = calendarYears;
  await t.notThrowsAsync(service.price({ ...dated, valuation_date: from, expiry: '2001-01-02' }));
  await t.notThrowsAsync(service.price({ ...dated, expiry: to }));
});
