import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { numberColumns } from '#src/pricing/batch/columns/columns.ts';
import { readColumnsJson } from '#src/pricing/batch/columns/columns-json.ts';

const refusedRows = 2_000_000;
const cells = Array.from({ length: refusedRows }, () => 1);
const scalars = Object.fromEntries(numberColumns.map((name) => [name, 1]));

test('columns of too many rows, or of different lengths, are refused before arrays of their size are made', (t) => {
  const before = process.memoryUsage().arrayBuffers;
  for (const strike of [cells, [1]]) {
    const columns = { ...scalars, strike, spot: cells };
    const error = t.throws(() => readColumnsJson({ columns }), { instanceOf: AppError });
    t.is(error.code, 'validation_failed');
    t.is(error.errors?.[0]?.code, 'invalid_length');
  }
  t.true(process.memoryUsage().arrayBuffers - before < refusedRows);
});
