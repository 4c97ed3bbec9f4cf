import test from 'ava';
import { failedRow } from '#src/pricing/batch/batch-row.ts';
import { openObjects } from '#src/pricing/batch/batch-objects.ts';
import { createEngineFactory } from '#src/pricing/models/engine-factory.ts';
import { runAtOnce } from '#src/kernel/streams/turns.ts';
import { call } from '../setup.ts';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 0.5);

test('a failed row repeats what a row that can be valid may have, and leaves out members with more', (t) => {
  const dividends = Array.from({ length: 1_000 }, (_, index) => ({ time: index, amount: 1 }));
  const row = { ...call, id: 'a', dividends, symbol: 's'.repeat(1_000_000), spot: numbers(100_000) };
  const failed = failedRow(row, 'validation_failed', 'wrong');
  t.deepEqual(failed['dividends'], dividends);
  t.deepEqual([failed['id'], failed['strike']], ['a', call.strike]);
  t.false('spot' in failed);
  t.false('symbol' in failed);
});

test('a row whose calculation fails repeats its dated dividends, as many as a row may have', (t) => {
  const { volatility: _, ...others } = call;
  const { time_to_expiry: __, ...row } = others;
  const dates = Array.from({ length: 28 }, (___, day) => `2026-02-${String(day + 1).padStart(2, '0')}`);
  const dividends = Array.from({ length: 1_000 }, (___, index) => ({ date: dates[index % 28]!, amount: 1e-6 }));
  const option = {
    ...row,
    exercise_style: 'american',
    valuation_date: '2026-01-31',
    expiry: '2027-01-29',
    dividends,
    price: 1e-9,
  };
  const body = { options: [option], outputs: ['implied_volatility'] };
  const bodyBytes = JSON.stringify(body).length;
  const batch = openObjects(body, { engines: createEngineFactory(), defaults: undefined, bodyBytes });
  runAtOnce(batch.prepare!());
  batch.run(0, 1);
  const chunks = runAtOnce(batch.finish(1));
  const answer = JSON.parse(Buffer.concat([...chunks]).toString()) as {
    results: { dividends: { date: string }[]; error: { code: string } }[];
  };
  const [failed] = answer.results;
  t.is(failed!.error.code, 'pricing_calculation_failed');
  t.is(failed!.dividends.length, 1_000);
  t.is(failed!.dividends[999]!.date, dividends[999]!.date);
});

test('the lists of failed rows are written in pieces of some thousand values, while the rows are read', (t) => {
  const options = Array.from({ length: 50 }, () => ({ ...call, spot: numbers(1_500) }));
  const body = { options };
  const bodyBytes = JSON.stringify(body).length;
  const batch = openObjects(body, { engines: createEngineFactory(), defaults: undefined, bodyBytes });
  runAtOnce(batch.prepare!());
  const { stringify } = JSON;
  const written: number[] = [];
  JSON.stringify = ((value: unknown) => {
    const text = stringify(value);
    written.push(text.split(',').length);
    return text;
  }) as typeof JSON.stringify;
  try {
    batch.run(0, options.length);
  } finally {
    JSON.stringify = stringify;
  }
  const chunks = runAtOnce(batch.finish(1));
  const answer = JSON.parse(Buffer.concat([...chunks]).toString()) as { results: { spot: number[] }[] };
  t.deepEqual(
    answer.results.map(({ spot }) => spot.length),
    options.map(() => 1_500),
  );
  t.is(written.length, 25);
  t.true(Math.max(...written) < 4_000, `${Math.max(...written)} values at once`);
});
