import test from 'ava';
import type { Column } from '#src/pricing/batch/columns/columns.ts';
import { resolveColumns } from '#src/pricing/batch/columns/resolve-columns.ts';
import { resolveRow } from '#src/pricing/request/conventions/resolve-row.ts';
import { captureSpans } from '#testkit/spans.ts';
import { setup } from '../../setup.ts';

const { service, workers } = setup({ workers: { queueLimit: 100 } });
test.after.always(() => workers.close());

const cellsOf = (cells: readonly unknown[]): Column => ({ at: (index) => cells[index] });
const tableOf = (columns: Readonly<Record<string, Column>>, size: number) => ({
  size,
  columns: new Map(Object.entries(columns)),
  fromEnvelope: new Set<string>(),
});
/** The resolved columns, and how often a row was read. */
const resolved = (columns: Readonly<Record<string, Column>>, size: number) => {
  let reads = 0;
  const result = resolveColumns(tableOf(columns, size), (row, at) => {
    reads += 1;
    return resolveRow(row, at);
  });
  const rows = Array.from({ length: size }, (_, index) =>
    Object.fromEntries(['time_to_expiry', 'strike', 'option_type'].map((name) => [name, result.get(name)?.at(index)])),
  );
  return { rows, reads };
};
const sameDay: Column = { at: () => '2024-05-01', only: '2024-05-01' };

test('contracts and dates are read once for each different combination', (t) => {
  const size = 10_000;
  const contract: Column = { at: () => 'AAPL240621C00190000', only: 'AAPL240621C00190000' };
  const uniform = resolved({ contract, valuation_date: sameDay }, size);
  t.is(uniform.reads, 1);
  t.deepEqual(uniform.rows[size - 1], { time_to_expiry: 51 / 365, strike: 190, option_type: 'call' });

  const indices = Array.from({ length: size }, (_, index) => index);
  const chain = resolved(
    {
      expiry: cellsOf(indices.map((index) => `2024-06-${String(10 + (index % 7))}`)),
      strike: cellsOf(indices),
      option_type: cellsOf(indices.map((index) => (index % 2 === 0 ? 'call' : 'put'))),
      valuation_date: sameDay,
    },
    size,
  );
  t.is(chain.reads, 7);
  t.deepEqual(chain.rows[9], { time_to_expiry: 42 / 365, strike: 9, option_type: 'put' });
});

test('texts that are too long for a date are one mistake, so that no map compares them with each other', (t) => {
  const size = 500;
  const long = Array.from({ length: size }, (_, index) => String(index).padStart(16_400, 'a'));
  for (const name of ['expiry', 'valuation_date', 'day_count', 'calendar']) {
    const columns = { expiry: { at: () => '2024-06-21', only: '2024-06-21' }, valuation_date: sameDay };
    const { rows, reads } = resolved({ ...columns, [name]: cellsOf(long) }, size);
    t.is(reads, 1, name);
    t.deepEqual(rows[size - 1], { time_to_expiry: Number.NaN, strike: Number.NaN, option_type: undefined });
  }
  const contracts = resolved({ contract: cellsOf(long), valuation_date: sameDay }, size);
  t.is(contracts.reads, 1);
});

test('numbers in place of texts are one mistake, because a caller can choose numbers with one hash', (t) => {
  const size = 500;
  const numbers = Array.from({ length: size }, (_, index) => index / 7);
  for (const name of ['expiry', 'valuation_date', 'day_count', 'calendar']) {
    const columns = { expiry: { at: () => '2024-06-21', only: '2024-06-21' }, valuation_date: sameDay };
    const { rows, reads } = resolved({ ...columns, [name]: cellsOf(numbers) }, size);
    t.is(reads, 1, name);
    t.deepEqual(rows[size - 1], { time_to_expiry: Number.NaN, strike: Number.NaN, option_type: undefined });
  }
});

test('rows have the result of their own cells, also beside rows that lack some and beyond the results that are kept', (t) => {
  const kinds = [
    (index: number) => ({ contract: `A240621C${String(index + 1).padStart(8, '0')}`, valuation_date: '2024-05-01' }),
    () => ({ expiry: '2024-06-21', valuation_date: '2024-05-01', strike: 5, option_type: 'put' }),
    () => ({ expiry: '2024-06-21', valuation_date: '2024-05-01', strike: 5, option_type: 'put', time_to_expiry: 1 }),
    () => ({ expiry: '2024-05-01', valuation_date: '2024-06-21', strike: 5, option_type: 'put' }),
    () => ({ time_to_expiry: 2, strike: 6, option_type: 'call' }),
    () => ({ contract: 'AAPL240621C00190000', valuation_date: '2024-05-01', strike: 7 }),
    () => ({ contract: '', valuation_date: '2024-05-01' }),
  ];
  const given = Array.from({ length: 40_000 }, (_, index): Readonly<Record<string, unknown>> =>
    kinds[index % kinds.length]!(index),
  );
  const names = ['contract', 'expiry', 'valuation_date', 'time_to_expiry', 'strike', 'option_type'];
  const columns = Object.fromEntries(names.map((name) => [name, cellsOf(given.map((row) => row[name] ?? null))]));
  const { rows } = resolved(columns, given.length);
  // A row with a mistake has NaN, so that it is read again for the message of its error.
  const wrong = rows.findIndex((row, index) => {
    const alone = resolveRow(given[index]!, '');
    const expected: Readonly<Record<string, unknown>> = Array.isArray(alone) ? {} : alone.row;
    return !(
      Object.is(row['time_to_expiry'], expected['time_to_expiry'] ?? Number.NaN) &&
      Object.is(row['strike'], expected['strike'] ?? Number.NaN) &&
      (row['option_type'] ?? undefined) === expected['option_type']
    );
  });
  t.is(wrong, -1, JSON.stringify([given[wrong], rows[wrong]]));
});

test.serial('many contracts in a small body are read in a pricing process, few in the service', async (t) => {
  const spans = captureSpans(t);
  const contractsOf = (count: number) => ({
    columns: {
      spot: 1,
      rate: 0,
      volatility: 0.2,
      valuation_date: '2024-05-01',
      contract: Array.from({ length: count }, (_, index) => `A240621C${String(index + 1).padStart(8, '0')}`),
    },
  });
  // The code is not compiled yet, so the first batches may take too long for the service.
  for (let round = 0; round < 5; round++) await service.batch(contractsOf(1_000));
  const before = spans.named('pricing.worker').length;
  t.like(await service.batch(contractsOf(100)), { succeeded: 100 });
  t.is(spans.named('pricing.worker').length, before);
  // The prices alone are estimated at 0.3 ms.
  t.like(await service.batch(contractsOf(1_300)), { succeeded: 1_300 });
  t.is(spans.named('pricing.worker').length, before + 1);
});
