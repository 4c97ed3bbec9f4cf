import test from 'ava';
import { createTopLimited, generationMs } from '#src/rate-limit/top-limited.ts';

const setup = () => {
  let now = 0;
  const clock = { now: () => new Date(now), monotonic: () => now };
  const top = createTopLimited({ clock, hashKey: Buffer.from('key') });
  return { top, pass: (milliseconds: number) => (now += milliseconds) };
};

test('the ten subjects with the most refusals are ranked among many others', (t) => {
  const { top } = setup();
  for (let subject = 1; subject <= 12; subject += 1) {
    for (let times = 0; times < subject * 10; times += 1) top.record('ip', `10.0.0.${subject}`);
  }
  for (let noise = 0; noise < 5_000; noise += 1) top.record('ip', `172.16.${noise >> 8}.${noise & 255}`);
  const read = top.read();
  t.deepEqual(
    read.map(({ rank, subject, limited }) => [rank, subject, limited]),
    Array.from({ length: 10 }, (_, index) => [index + 1, `10.0.0.${12 - index}`, (12 - index) * 10]),
  );
  t.true(read.every(({ subject_hash }) => /^[0-9a-f]{16}$/.test(subject_hash)));
});

test('the same address under two policies is two entries', (t) => {
  const { top } = setup();
  top.record('ip', 'a');
  top.record('login', 'a');
  t.deepEqual(
    top.read().map(({ policy, subject_kind }) => [policy, subject_kind]),
    [
      ['ip', 'ip'],
      ['login', 'ip'],
    ],
  );
});

test('a subject is counted over two generations, and is removed when it is not refused any more', (t) => {
  const { top, pass } = setup();
  top.record('user', 'u1');
  pass(generationMs);
  top.record('user', 'u1');
  t.like(top.read(), [{ subject: 'u1', limited: 2 }]);
  pass(generationMs);
  t.like(top.read(), [{ subject: 'u1', limited: 1 }]);
  pass(generationMs);
  t.deepEqual(top.read(), []);
  top.record('user', 'u1');
  pass(generationMs * 3);
  t.deepEqual(top.read(), []);
});
