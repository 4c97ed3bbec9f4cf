import test from 'ava';
import { createCallerTurns } from '#src/pricing/workers/caller-turns.ts';
import { start, type Task } from './start-queue.ts';

test('the tasks of one caller keep the order of their arrival, whatever their size', (t) => {
  const { add, takeAll } = start();
  const names = ['large', 'small', 'larger', 'smaller'];
  for (const [index, expectedMs] of [50, 1, 400, 0.1].entries()) {
    add('a', names[index]!, { expectedMs, bytes: expectedMs * 10_000 });
  }
  t.deepEqual(takeAll(), names);
});

test('callers take turns, however many tasks one of them has', (t) => {
  const { add, takeAll } = start();
  for (const name of ['a1', 'a2', 'a3', 'a4']) add('a', name);
  for (const name of ['b1', 'b2']) add('b', name);
  add('c', 'c1');
  t.deepEqual(takeAll(), ['a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4']);
});

test('turns are shares of the time: a caller of short tasks has several for one long task', (t) => {
  const { add, takeAll } = start();
  for (const name of ['L1', 'L2']) add('long', name, { expectedMs: 30 });
  for (let each = 1; each <= 6; each += 1) add('short', `s${each}`, { expectedMs: 10.1 });
  t.deepEqual(takeAll(), ['s1', 's2', 'L1', 's3', 's4', 's5', 'L2', 's6']);
});

test('a long task is served although callers of short tasks come without end', (t) => {
  const { add, serve } = start();
  add('long', 'long', { expectedMs: 400 });
  for (let each = 1; each <= 1_000; each += 1) {
    // An attacker can use a new address for each task.
    add(`address-${each}`, 'short', { expectedMs: 4 });
    if (serve().name === 'long') {
      // Two callers share the time, so 400 ms of one come with 400 ms of the other.
      t.true(each > 90 && each < 210, String(each));
      return;
    }
  }
  t.fail('it was never next');
});

test('sixteen callers that always have a task are served equally often, and each waits for at most one task of each other', (t) => {
  const { add, queue, serve } = start();
  const callers = Array.from({ length: 16 }, (_, number) => `caller-${number}`);
  const served: string[] = [];
  for (const caller of callers) add(caller, caller);
  for (let turn = 0; turn < 1_600; turn += 1) {
    const task = serve();
    served.push(task.caller);
    // The time of a task is never quite the expected time.
    queue.charge(task, turn % 7 === 0 ? 3 : -1);
    add(task.caller, task.caller);
  }
  for (const caller of callers) {
    const turns = served.flatMap((name, turn) => (name === caller ? [turn] : []));
    t.true(turns.length >= 92 && turns.length <= 108, `${caller}: ${turns.length}`);
    const waits = turns.slice(1).map((turn, index) => turn - turns[index]!);
    t.true(Math.max(...waits) <= 32, `${caller} waited for ${Math.max(...waits)} tasks`);
  }
});

test('a caller whose tasks take longer than expected has fewer turns', (t) => {
  const { add, queue } = start();
  for (let each = 1; each <= 10; each += 1) {
    add('liar', 'liar');
    add('honest', 'honest');
  }
  const order: string[] = [];
  for (let turn = 0; turn < 10; turn += 1) {
    const task = queue.take()!;
    order.push(task.name);
    if (task.name === 'liar') queue.charge(task, 390);
  }
  t.deepEqual(order.toSorted(), [...Array.from({ length: 9 }, () => 'honest'), 'liar']);
});

test('a caller saves up no credit while it has no tasks', (t) => {
  const { add, takeAll } = start();
  for (let each = 1; each <= 50; each += 1) add('a', 'earlier');
  takeAll();
  for (const name of ['b1', 'b2', 'b3']) add('b', name);
  for (const name of ['a1', 'a2', 'a3']) add('a', name);
  const order = takeAll();
  t.deepEqual(order.slice(0, 4).toSorted(), ['a1', 'a2', 'b1', 'b2']);
});

test('single options of a caller do not wait for its batches, and jobs wait for other work', (t) => {
  const { add, takeAll } = start();
  add('d', 'job', { kind: 'job', expectedMs: 100 });
  for (const name of ['a1', 'a2', 'a3']) add('a', name, { expectedMs: 100 });
  add('a', 'single', { kind: 'single', expectedMs: 20 });
  t.deepEqual(takeAll(), ['single', 'a1', 'a2', 'a3', 'job']);
});

test('jobs get a quarter of the share of callers that have batches at all times, also in a full queue', (t) => {
  const { queue, serve, taskOf } = start(32);
  const callers = ['a', 'b', 'c', 'd', 'e'];
  const waiting = new Map<string, number>();
  const worked = new Map<string, number>();
  let displacedJobs = 0;
  const change = (map: Map<string, number>, caller: string, by: number) => map.set(caller, (map.get(caller) ?? 0) + by);
  const offer = (caller: string, max: number, facts: Partial<Task>): void => {
    while ((waiting.get(caller) ?? 0) < max) {
      change(waiting, caller, 1);
      for (const displaced of queue.add(taskOf(caller, caller, facts))) {
        change(waiting, displaced.caller, -1);
        if (displaced.kind === 'job') displacedJobs += 1;
        if (displaced.caller === caller) return;
      }
    }
  };
  for (let round = 0; round < 2_000; round += 1) {
    offer('owner', 1, { kind: 'job', expectedMs: 1_000 });
    for (const caller of callers) offer(caller, 8, { expectedMs: 5_000 });
    const { caller, expectedMs } = serve();
    change(waiting, caller, -1);
    change(worked, caller, expectedMs);
  }
  const mean = callers.reduce((sum, caller) => sum + worked.get(caller)!, 0) / callers.length;
  const share = worked.get('owner')! / mean;
  t.true(share > 0.2 && share < 0.3, `the job got ${share} of the time of another caller`);
  t.is(displacedJobs, 0);
});

test('positions of 20,000 callers are remembered in bounded memory, the latest of them exactly', (t) => {
  const turns = createCallerTurns();
  for (let caller = 0; caller < 20_000; caller += 1) turns.set(String(caller), 100);
  t.is(turns.of('19999'), 100);
  t.is(turns.of('0'), 0);
  t.true(turns.size() <= 10_000);
});

test('a full queue refuses who has most, in favour of who has less', (t) => {
  const { add, queue, taskOf } = start(3);
  for (const name of ['a1', 'a2', 'a3']) t.deepEqual(add('a', name), []);
  t.deepEqual(add('a', 'a4'), ['a4'], 'of the same caller: the new one');
  t.deepEqual(add('b', 'b1'), ['a3'], 'of another caller: the last of the one with the most');
  queue.charge(taskOf('c', 'c0'), 10_000);
  t.deepEqual(add('c', 'c1'), ['c1'], 'a caller that has used more time replaces nobody');
});

test('an estimate of work that is not done does not move the callers that come next behind those that wait', (t) => {
  const { add, queue, taskOf } = start(3);
  const refused = taskOf('attacker', 'hours of work');
  queue.add(refused);
  queue.take();
  for (const name of ['a1', 'a2', 'a3']) add('a', name);
  queue.charge(refused, 10_000_000);
  queue.charge(refused, -10_000_000);
  t.deepEqual(add('b', 'b1'), ['a3']);
  t.deepEqual(queue.take()!.name, 'a1');
  t.deepEqual(queue.take()!.name, 'b1');
});

test('the common time passes by the share of each caller that waits or is served', (t) => {
  const { add, queue, taskOf } = start();
  add('a', 'a1', { expectedMs: 100 });
  // Three callers had 30 ms each meanwhile, so the next one of the three stands at 30.
  queue.pass(90, [taskOf('a', 'a0'), taskOf('b', 'b0'), taskOf('c', 'c0')]);
  add('b', 'ends at 99', { expectedMs: 69 });
  add('c', 'ends at 101', { expectedMs: 71 });
  const order = Array.from({ length: 3 }, () => queue.take()!.name);
  t.deepEqual(order, ['ends at 99', 'a1', 'ends at 101']);
});

test('bytes that wait are bounded, too', (t) => {
  const { add, queue } = start(100, 10_000);
  t.deepEqual(add('a', 'a1', { bytes: 6_000 }), []);
  t.deepEqual(add('a', 'a2', { bytes: 6_000 }), ['a2']);
  t.deepEqual(add('b', 'b1', { bytes: 20_000, expectedMs: 1 }), ['b1'], 'a body that is too large alone is refused');
  t.is(queue.size(), 1, 'and no other task loses its place for it');
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
