import test from 'ava';
import { expectedTime } from '#src/pricing/workers/expected-time.ts';

test('small rows count with the time that each of them takes, once their number is known', (t) => {
  t.true(expectedTime(39_014) < 2);
  t.true(expectedTime(39_014, undefined, 13_001) > 50);
  t.is(expectedTime(10_000_000, undefined, 1_000), 250.5, 'large rows count with their bytes');
});
