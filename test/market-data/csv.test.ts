import test from 'ava';
import * as fc from 'fast-check';
import { isCalendarDate } from '#src/kernel/calendar.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { parseDailyBars, parseMonthlyCloses, parseWrittenDate } from '#src/market-data/providers/csv.ts';

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const monthly = 'symbol,date,price\n';
const daily = 'date,open,high,low,close,adjclose,volume\n';
const price = fc.integer({ min: 1, max: 10_000_000 }).map((cents) => cents / 100);

test('a written date is parsed to its calendar date', (t) => {
  const instants = fc.date({ min: new Date('1000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true });
  fc.assert(
    fc.property(instants, (instant) => {
      const iso = instant.toISOString().slice(0, 10);
      const written = `${months[instant.getUTCMonth()]} ${instant.getUTCDate()} ${instant.getUTCFullYear()}`;
      t.is(parseWrittenDate(written), iso);
      t.true(isCalendarDate(iso));
    }),
  );
});

for (const text of [
  'Feb 30 2000',
  'Feb 29 2001',
  'Jan 0 2000',
  'Jan 32 2000',
  'jan 1 2000',
  'Foo 1 2000',
  'Jan 1 20',
  '',
]) {
  test(`parseWrittenDate refuses "${text}"`, (t) => t.is(parseWrittenDate(text), undefined));
}

test('isCalendarDate accepts only days that exist', (t) => {
  for (const text of ['2000-02-29', '1000-01-01', '9999-12-31']) t.true(isCalendarDate(text), text);
  for (const text of [
    '2001-02-29',
    '2000-13-01',
    '2000-00-10',
    '2000-1-1',
    '0999-01-01',
    ' 2000-01-01',
    '2000-01-01T00',
  ]) {
    t.false(isCalendarDate(text), text);
  }
});

test('parseMonthlyCloses returns the written closes', (t) => {
  fc.assert(
    fc.property(fc.nat(2000), fc.array(price, { minLength: 1, maxLength: 40 }), (start, prices) => {
      const rows = prices.map((value, index) => {
        const month = start + index;
        return { year: 1800 + Math.floor(month / 12), month: month % 12, value };
      });
      const text = rows.map(({ year, month, value }) => `ABC,${months[month]} 1 ${year},${value}\n`).join('');
      const bars = parseMonthlyCloses(monthly + text).get('ABC');
      t.deepEqual(
        bars?.map(({ date, close }) => [date, close]),
        rows.map(({ year, month, value }) => [`${year}-${String(month + 1).padStart(2, '0')}-01`, value]),
      );
    }),
  );
});

test('parseDailyBars returns the written bars', (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(price, price, price, price, fc.nat()), { minLength: 1, maxLength: 40 }), (bars) => {
      const rows = bars.map(([open, high, low, close, volume], index) => {
        const date = new Date(Date.UTC(2000, 0, 1 + index)).toISOString().slice(0, 10);
        return { date, open, high, low, close, volume };
      });
      const lines = rows.map((row) => [row.date, row.open, row.high, row.low, row.close, 1, row.volume].join(','));
      t.deepEqual(parseDailyBars(daily + lines.join('\r\n').replaceAll('\r\n', '\n')), rows);
    }),
  );
});

const refusals: Readonly<Record<string, readonly [parse: () => unknown, line: number]>> = {
  'another header': [() => parseMonthlyCloses('symbol,date,close\n'), 1],
  'an empty file': [() => parseDailyBars(''), 1],
  'a missing cell': [() => parseMonthlyCloses(`${monthly}ABC,Jan 1 2000\n`), 2],
  'one cell too many': [() => parseMonthlyCloses(`${monthly}ABC,Jan 1 2000,1,2\n`), 2],
  'an empty price': [() => parseMonthlyCloses(`${monthly}ABC,Jan 1 2000,\n`), 2],
  'an empty symbol': [() => parseMonthlyCloses(`${monthly},Jan 1 2000,1\n`), 2],
  NaN: [() => parseMonthlyCloses(`${monthly}ABC,Jan 1 2000,NaN\n`), 2],
  Infinity: [() => parseMonthlyCloses(`${monthly}ABC,Jan 1 2000,Infinity\n`), 2],
  'a negative price': [() => parseMonthlyCloses(`${monthly}ABC,Jan 1 2000,-1\n`), 2],
  'hexadecimal digits': [() => parseMonthlyCloses(`${monthly}ABC,Jan 1 2000,0x10\n`), 2],
  'a blank line': [() => parseMonthlyCloses(`${monthly}\nABC,Jan 1 2000,1\n`), 2],
  'a month left out': [() => parseMonthlyCloses(`${monthly}ABC,Jan 1 2000,1\nABC,Mar 1 2000,1\n`), 3],
  'a month twice': [() => parseMonthlyCloses(`${monthly}ABC,Jan 1 2000,1\nABC,Jan 1 2000,1\n`), 3],
  'a day twice': [() => parseDailyBars(`${daily}2000-01-03,1,1,1,1,1,1\n2000-01-03,1,1,1,1,1,1\n`), 3],
  'a day that does not exist': [() => parseDailyBars(`${daily}2000-02-30,1,1,1,1,1,1\n`), 2],
  'a null cell': [() => parseDailyBars(`${daily}2000-01-03,1,null,1,1,1,1\n`), 2],
};

for (const [what, [parse, line]] of Object.entries(refusals)) {
  test(`the error names the line: ${what}`, (t) => {
    const error = t.throws(parse, { instanceOf: AppError });
    t.is(error.code, 'external_api_bad_response');
    t.regex(error.message, new RegExp(`line ${line}:`));
  });
}

test('arbitrary text is parsed or refused with an AppError', (t) => {
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 5 }), (lines) => {
      for (const [header, parse] of [
        [monthly, parseMonthlyCloses],
        [daily, parseDailyBars],
      ] as const) {
        try {
          parse(header + lines.join('\n'));
        } catch (error) {
          t.true(error instanceof AppError);
        }
      }
      t.pass();
    }),
  );
});
