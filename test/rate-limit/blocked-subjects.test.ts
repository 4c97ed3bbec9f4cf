import test from 'ava';
import { createBlockedSubjects } from '#src/rate-limit/blocked-subjects.ts';

test('a subject is blocked for the given time of a monotonic clock, and then not any more', (t) => {
  let now = 5_000;
  const { block, remainingMs } = createBlockedSubjects({ monotonic: () => now });
  t.is(remainingMs('a'), 0);
  block('a', 1_000);
  t.is(remainingMs('a'), 1_000);
  t.is(remainingMs('b'), 0);
  now += 999;
  t.is(remainingMs('a'), 1);
  now += 1;
  t.is(remainingMs('a'), 0);
});

test('a flood of subjects is bounded: the oldest are forgotten', (t) => {
  const { block, remainingMs } = createBlockedSubjects({ monotonic: () => 0 });
  for (let subject = 0; subject < 10_100; subject += 1) block(String(subject), 1_000);
  t.is(remainingMs('0'), 0);
  t.is(remainingMs('99'), 0);
  t.is(remainingMs('100'), 1_000);
  t.is(remainingMs('10099'), 1_000);
});
