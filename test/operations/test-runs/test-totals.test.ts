import test from 'ava';
import { createTestTotals } from '../../../scripts/support/test-totals.ts';

test('the totals count tests by title, and a repeated file counts with its second result', (t) => {
  const totals = createTestTotals();
  totals.read('  ✔ a › one\n  ✔ a › two (1.2s)\n  ✘ [fail]: b › th');
  totals.read(
    'ree\n  › file://test/b.test.ts:3:1\n  ✔ b › four\n  ✘ test/c/d.long.test.ts exited with a non-zero exit code: 1\n',
  );
  t.is(totals.line(false), '3 passed, 1 failed');
  t.deepEqual(totals.failedFiles(), ['test/b.test.ts', 'test/c/d.long.test.ts']);
  totals.forgetFailures();
  totals.read('  ✔ b › three\n  ✔ b › four (3ms)\n');
  t.is(totals.line(true), '4 passed, 0 failed');
  t.deepEqual(totals.failedFiles(), []);
  t.is(totals.line(false), '4 passed, 1 failed', 'a run that failed is never without a failure');
});
