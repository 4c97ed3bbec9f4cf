import test from 'ava';
import { exchanges } from '#src/kernel/trading-days/exchanges.ts';
import { calendarYears } from '#src/kernel/trading-days/business-days.ts';
import { createTradingDays } from '#src/market-data/quality/trading-days.ts';
import calendars from '#src/kernel/trading-days/trading-days.json' with { type: 'json' };

const days = createTradingDays();

test('every exchange has a calendar, and every calendar an exchange', (t) => {
  t.deepEqual(Object.keys(calendars.exchanges).sort(), [...exchanges].sort());
  for (const exchange of exchanges) {
    const known = days.periods(exchange, '1day');
    t.true(known[0]! < '2000-01-10' && known.at(-1)! > '2028-12-20', exchange);
    const years = Number(calendarYears.to.slice(0, 4)) - Number(calendarYears.from.slice(0, 4)) + 1;
    const perYear = known.length / years;
    t.true(perYear > 243 && perYear < 257, `${exchange} has ${perYear} days a year`);
    t.deepEqual([...known], [...new Set(known)].sort());
  }
});

test('known holidays and open days', (t) => {
  // Each pair is public knowledge: closed on the first day, open on the second one.
  const known = {
    XNYS: ['2001-09-11', '2001-09-17'],
    XNAS: ['2018-12-05', '2018-12-06'],
    XLON: ['2022-09-19', '2022-09-20'],
    XETR: ['2023-05-01', '2023-05-02'],
    XTKS: ['2020-10-01', '2020-10-02'],
    XPAR: ['2024-04-01', '2024-04-02'],
    XHKG: ['2023-09-01', '2023-09-04'],
    XSWX: ['2024-08-01', '2024-08-02'],
    XTSE: ['2024-07-01', '2024-07-04'],
    XASX: ['2024-01-26', '2024-01-29'],
  } as const;
  for (const [exchange, [closed, open]] of Object.entries(known)) {
    const sessions = new Set(days.periods(exchange as keyof typeof known, '1day'));
    t.false(sessions.has(closed), `${exchange} ${closed}`);
    t.true(sessions.has(open), `${exchange} ${open}`);
  }
  t.false(days.periods('XNYS', '1day').includes('2024-01-06'), 'a Saturday');
});

test('weeks and months are periods with a trading day', (t) => {
  const weeks = days.periods('XNYS', '1week');
  t.true(weeks.includes('2001-09-17'));
  t.true(weeks.includes('2001-09-10'), 'open on Monday, closed from Tuesday on');
  t.true(weeks.every((day) => new Date(day).getUTCDay() === 1));
  t.is(days.periods('XNYS', '1month').length, 29 * 12);
});

test('a bar is expected some hours after midnight in the time zone of the exchange', (t) => {
  const at = (instant: string, hours = 24) => days.expectedDay('XNYS', new Date(instant), hours);
  // Monday is 2024-03-04. New York is five hours behind UTC until 2024-03-10, and four hours after it.
  t.is(at('2024-03-06T04:59:59Z'), '2024-03-01');
  t.is(at('2024-03-06T05:00:00Z'), '2024-03-04');
  t.is(at('2024-03-05T05:00:00Z', 0), '2024-03-04');
  t.is(at('2024-03-05T04:59:59Z', 0), '2024-03-01');
  t.is(at('2024-03-13T03:59:59Z'), '2024-03-08');
  t.is(at('2024-03-13T04:00:00Z'), '2024-03-11');
  // Independence Day was a Thursday.
  t.is(at('2024-07-06T12:00:00Z'), '2024-07-03');
  t.is(days.expectedDay('XTKS', new Date('2024-03-05T15:00:00Z'), 24), '2024-03-04');
  t.is(at('2029-06-01T00:00:00Z'), undefined, 'holidays are not known after the last year');
});
