import test from 'ava';
import { yearsBetween } from '#src/pricing/request/conventions/day-count.ts';
import { conventionNames, type DayCount } from '#src/pricing/request/conventions/convention-members.ts';
import { readContract } from '#src/pricing/request/conventions/contract.ts';
import { readMoment } from '#src/pricing/request/conventions/moment.ts';
import { resolveRow } from '#src/pricing/request/conventions/resolve-row.ts';

const years = (dayCount: DayCount, from: string, to: string): number =>
  yearsBetween(dayCount, readMoment(from)!.ms, readMoment(to)!.ms);

test('day counts agree with the examples of ISDA and with counted days', (t) => {
  // ISDA, "EMU and market conventions" (1998): 61 days of 2003 in a year of 365, 121 days of 2004 in one of 366.
  t.is(years('ACT/ACT ISDA', '2003-11-01', '2004-05-01'), 61 / 365 + 121 / 366);
  t.is(years('ACT/ACT ISDA', '2023-07-01', '2026-07-01'), 184 / 365 + 2 + 181 / 365);
  t.is(years('ACT/ACT ISDA', '2024-01-01', '2025-01-01'), 1);
  t.is(years('ACT/365F', '2003-11-01', '2004-05-01'), 182 / 365);
  t.is(years('ACT/360', '2003-11-01', '2004-05-01'), 182 / 360);
  // The bond basis of QuantLib's test of Thirty360.
  const bondBasis = [
    ['2006-08-20', '2007-02-20', 180],
    ['2006-08-31', '2007-02-28', 178],
    ['2007-02-28', '2007-08-31', 183],
    ['2007-08-31', '2008-02-29', 179],
    ['2006-01-31', '2006-03-31', 60],
    ['2006-02-28', '2006-03-31', 33],
  ] as const;
  for (const [from, to, days] of bondBasis) t.is(years('30/360', from, to) * 360, days, `${from} ${to}`);
});

test('an offset that brings an instant into the year 99 does not change its century', (t) => {
  // 14 hours of the year 99 and the 365 days of the year 100.
  const from = '0100-01-01T00:00:00+14:00';
  t.is(years('ACT/ACT ISDA', from, '0101-01-01'), 14 / 24 / 365 + 1);
  t.is(years('ACT/ACT ISDA', from, '0100-01-01T00:00:00+02:00'), 0.5 / 365);
  t.is(years('ACT/ACT ISDA', '9999-12-31', '9999-12-31T12:00:00-14:00'), 1 / 365 + 2 / 24 / 366);
});

test('instants count to the second, across offsets', (t) => {
  t.is(years('ACT/365F', '2026-11-26T12:00:00Z', '2026-11-27'), 0.5 / 365);
  t.is(readMoment('2026-12-18T16:00:00-05:00')?.ms, readMoment('2026-12-18T21:00:00Z')?.ms);
});

test('texts that are no date are not read as one', (t) => {
  const refused = ['2026-02-30', '2026-13-01', '2026-1-1', '20261218', '2026-12-18T16:00:00', '2026-12-18T25:00Z', ''];
  for (const text of [...refused, '2026-02-30T10:00:00Z', 20261218, null])
    t.is(readMoment(text), undefined, String(text));
});

test('OCC symbols are read with and without spaces, and nothing else is', (t) => {
  const call = { strike: 190, expiry: '2024-06-21', option_type: 'call' } as const;
  t.deepEqual(readContract('AAPL  240621C00190000'), call);
  t.deepEqual(readContract('AAPL240621C00190000'), call);
  t.deepEqual(readContract('SPXW  261218P05312500'), { strike: 5312.5, expiry: '2026-12-18', option_type: 'put' });
  const refused = [
    'AAPL  240231C00190000',
    'AAPL  240621X00190000',
    'AAPL  240621C190',
    '  240621C00190000',
    'aapl  240621C00190000',
  ];
  for (const text of [...refused, 7, undefined]) t.is(readContract(text), undefined, String(text));
});

test('each member that stands for dates or a contract makes a row one that is resolved', (t) => {
  for (const name of conventionNames) t.notDeepEqual(resolveRow({ [name]: 'x' }, ''), { row: { [name]: 'x' } }, name);
});
