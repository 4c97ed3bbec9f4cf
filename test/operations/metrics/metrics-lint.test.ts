import test from 'ava';
import { lintFaults } from '../../../scripts/verify/around/metrics-lint.ts';

const known = { 'a_total non-counter metrics should not have "_total" suffix': 'a library names it' };
const [line] = Object.keys(known);

test('a line of promtool that is accepted is no fault', (t) => {
  t.deepEqual(lintFaults([line!], known), []);
});

test('a new line of promtool is a fault, also about another metric of the same kind', (t) => {
  const other = 'b_total non-counter metrics should not have "_total" suffix';
  t.deepEqual(lintFaults([line!, other], known), [other]);
});

test('an accepted line that promtool does not find any more must be removed', (t) => {
  t.deepEqual(lintFaults([], known), [
    `promtool does not find this any more, so remove it from the accepted lines: ${line}`,
  ]);
});
