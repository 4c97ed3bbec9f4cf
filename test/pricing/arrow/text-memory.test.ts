import test from 'ava';
import { readColumnsArrow } from '#testkit/arrow/read-columns.ts';
import { dividendsOf, numbersOf, streamOf, viewsOf } from '#testkit/arrow/text-views.ts';

/** Beyond the length at which equal texts are recognised, and with a character of two bytes. */
const longText = `Ā${'a'.repeat(69)}`;

for (const [name, columns, column] of [
  ['dividends', { spot: numbersOf(10), dividends: dividendsOf(1_000_000, 10, longText) }, 'dividends'],
  [
    'several columns',
    Object.fromEntries(
      ['valuation_date', 'expiry', 'day_count', 'calendar', 'option_type'].map((each) => [
        each,
        viewsOf(longText, 100_000),
      ]),
    ),
    'option_type',
  ],
] as const) {
  test(`texts that need much more memory than the bytes of the stream are refused: ${name}`, (t) => {
    const bytes = streamOf(columns);
    const before = process.memoryUsage().heapUsed;
    const error = t.throws(() => readColumnsArrow(bytes));
    t.like(error, {
      code: 'validation_failed',
      abuse: 'body_structure',
      errors: [{ code: 'invalid_length', pointer: `/columns/${column}` }],
    });
    t.true(process.memoryUsage().heapUsed - before < 128 * 2 ** 20);
  });
}

test('many short texts of a usual table are accepted', (t) => {
  const { table } = readColumnsArrow(
    streamOf({ spot: numbersOf(100_000), dividends: dividendsOf(900_000, 100_000, '2026-12-01 00:00:00.000') }),
  );
  t.is(table.size, 100_000);
});
