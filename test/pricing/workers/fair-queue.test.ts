import test from 'ava';
import { createCallerUsage } from '#src/pricing/workers/caller-usage.ts';
import { createFairQueue, type Waiting } from '#src/pricing/workers/fair-queue.ts';

type Task = Waiting & { readonly name: string };
const start = (maxTasks = 100, maxBytes = 1e9) => {
  let time = 0;
  const usage = createCallerUsage({ halfLifeMs: 1_000, now: () => time });
  const queue = createFairQueue<Task>({ maxTasks, maxBytes, usage });
  const add = (caller: string, name: string, { kind = 'batch', bytes = 1_000 }: Partial<Task> = {}): string[] =>
    queue.add({ caller, name, kind, bytes }).map((task) => task.name);
  const takeAll = (): string[] => Array.from({ length: queue.size() }, () => queue.take()!.name);
  return { queue, usage, add, takeAll, pass: (milliseconds: number) => (time += milliseconds) };
};

test('the caller who has used the least worker time is next', (t) => {
  const { usage, add, queue } = start();
  for (const name of ['a1', 'a2', 'a3']) add('a', name);
  add('b', 'b1');
  usage.add('a', 5_000);
  t.is(queue.take()?.name, 'b1');
  t.is(queue.take()?.name, 'a1');
});

test('callers take turns when each task is charged', (t) => {
  const { usage, add, queue } = start();
  for (const caller of ['a', 'a', 'a', 'b', 'b', 'c']) add(caller, caller);
  const order: string[] = [];
  for (let task = queue.take(); task !== undefined; task = queue.take()) {
    order.push(task.name);
    usage.add(task.caller, 1_000);
  }
  t.is(order.slice(0, 3).toSorted().join(''), 'abc');
  t.is(order.join('').replaceAll(/[^a]/g, ''), 'aaa');
});

test('at equal usage single options come first, small bodies before large ones, early before late', (t) => {
  const { add, takeAll } = start();
  add('a', 'huge', { bytes: 50_000_000 });
  add('b', 'small');
  add('c', 'small, later');
  add('d', 'job', { kind: 'job' });
  add('e', 'single', { kind: 'single' });
  t.deepEqual(takeAll(), ['single', 'small', 'small, later', 'huge', 'job']);
});

test('usage fades: who used much an hour ago is like any other', (t) => {
  const { usage, pass } = start();
  usage.add('a', 8_000);
  pass(3_000);
  t.true(Math.abs(usage.of('a') - 1_000) < 1e-6);
  pass(3_600_000);
  t.true(usage.of('a') < 1e-6);
});

test('usage of 20,000 callers is remembered in bounded memory, the latest of them exactly', (t) => {
  const { usage } = start();
  for (let caller = 0; caller < 20_000; caller += 1) usage.add(String(caller), 100);
  t.is(usage.of('19999'), 100);
  t.is(usage.of('0'), 0);
});

test('a full queue refuses who has most, in favour of who has less', (t) => {
  const { usage, add } = start(3);
  for (const name of ['a1', 'a2', 'a3']) t.deepEqual(add('a', name), []);
  t.deepEqual(add('a', 'a4'), ['a4'], 'of the same caller: the new one');
  t.deepEqual(add('b', 'b1'), ['a3'], 'of another caller: the last of the one with the most');
  usage.add('c', 10_000);
  t.deepEqual(add('c', 'c1'), ['c1'], 'whoever has used more worker time displaces nobody');
});

test('bytes that wait are bounded, too', (t) => {
  const { add, queue } = start(100, 10_000);
  t.deepEqual(add('a', 'a1', { bytes: 6_000 }), []);
  t.deepEqual(add('a', 'a2', { bytes: 6_000 }), ['a2']);
  t.deepEqual(add('b', 'b1', { bytes: 20_000 }), ['b1'], 'what alone is too large is refused');
  t.is(queue.size(), 1);
});

test('only eligible tasks are taken, and a removed one not at all', (t) => {
  const { add, queue } = start();
  add('a', 'a1');
  add('b', 'b1');
  t.is(queue.take(({ caller }) => caller !== 'a')?.name, 'b1');
  t.is(
    queue.take(({ caller }) => caller !== 'a'),
    undefined,
  );
  const [task] = [queue.take()!];
  t.false(queue.remove(task));
});
