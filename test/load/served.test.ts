import test from 'ava';
import { judgeServed, type StepCount } from '#load/soak/served.ts';

const good = (caller: StepCount['caller']): StepCount => ({ caller, ok: 100, failed: 0 });
const allServed = new Map<string, StepCount>([
  ['price', good('public')],
  ['profile', good('token')],
  ['settings', good('token')],
  ['calendar', good('token')],
  ['sync', good('token')],
  ['job', good('client')],
  ['key', good('api_key')],
  ['session', good('session')],
]);
const failures = (...changes: (readonly [string, StepCount])[]): string[] => {
  const { callers, steps } = judgeServed(new Map([...allServed, ...changes]));
  return [...callers, ...steps].filter(({ passed }) => !passed).map(({ name }) => name);
};

test('a load whose steps all succeed passes', (t) => {
  t.deepEqual(failures(), []);
});

test('a kind of step that is lost fails, although its caller has three others that succeed', (t) => {
  t.deepEqual(failures(['calendar', { caller: 'token', ok: 0, failed: 100 }]), ['step calendar']);
  t.deepEqual(failures(['calendar', { caller: 'token', ok: 49, failed: 51 }]), ['step calendar']);
  t.deepEqual(failures(['calendar', { caller: 'token', ok: 50, failed: 50 }]), []);
});

test('a step that never ran fails', (t) => {
  t.deepEqual(failures(['calendar', { caller: 'token', ok: 0, failed: 0 }]), ['step calendar']);
});

test('a caller fails below its own min, although none of its steps does', (t) => {
  t.deepEqual(failures(['price', { caller: 'public', ok: 69, failed: 31 }]), ['caller public']);
});

test('a caller without a step fails', (t) => {
  const { callers } = judgeServed(new Map([['price', good('public')]]));
  t.deepEqual(
    callers.filter(({ passed }) => passed).map(({ name }) => name),
    ['caller public'],
  );
});
