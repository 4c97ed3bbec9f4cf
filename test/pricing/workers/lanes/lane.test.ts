import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'ava';
import { createByteCount } from '#src/kernel/memory/byte-count.ts';
import { byteLengthOf } from '#src/kernel/streams/byte-length.ts';
import { createFairQueue } from '#src/pricing/workers/fair-queue.ts';
import type { LaneTask } from '#src/pricing/workers/lanes/lane-task.ts';
import { createLane } from '#src/pricing/workers/lanes/lane.ts';
import { createLargeTexts } from '#src/pricing/workers/lanes/large-texts.ts';
import { program } from '../start-pool.ts';
import { laneParts, laneTask } from './lane-parts.ts';

test('the expected time of a task does not stay with its caller when the process ends', async (t) => {
  const queue = createFairQueue<LaneTask>({ maxTasks: 10, maxBytes: Infinity });
  let chargedMs = 0;
  const lane = createLane({
    ...laneParts,
    queue: {
      ...queue,
      charge: (task, milliseconds) => {
        chargedMs += milliseconds;
        queue.charge(task, milliseconds);
      },
    },
    filename: new URL('../bad-worker.ts', import.meta.url).href,
  });
  t.teardown(lane.close);
  const { promise, resolve } = Promise.withResolvers<string>();
  lane.add(laneTask(1, { symbol: 'exit', expectedMs: 5_000, replied: () => resolve('replied'), lost: resolve }));
  t.is(await promise, 'ended');
  t.is(chargedMs, -5_000);
});

test('an answer counts from the head of its message until it has arrived', async (t) => {
  const count = createByteCount();
  const announced: number[] = [];
  const lane = createLane({
    ...laneParts,
    arriving: {
      ...count,
      add: (bytes) => {
        announced.push(bytes);
        return count.add(bytes);
      },
    },
    queue: createFairQueue<LaneTask>({ maxTasks: 10, maxBytes: Infinity }),
    filename: program,
  });
  t.teardown(lane.close);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  lane.add(
    laneTask(1, {
      expectedMs: 1,
      replied: (_reply, _span, body) => resolve(byteLengthOf(body)),
      lost: (why) => reject(new Error(why)),
    }),
  );
  const bytes = await promise;
  t.deepEqual(announced, [bytes]);
  t.is(count.total(), 0);
});

test('a lane that closes with a reply in the pipe keeps its program running until its process has ended', async (t) => {
  const file = new URL('close-after-reply.ts', import.meta.url).pathname;
  // With an await that nothing ends, Node exits with the status 13, and this rejects.
  const { stdout } = await promisify(execFile)(process.execPath, [file], { timeout: 60_000 });
  t.is(stdout.trim(), 'closed');
});

for (const lane of ['cold', 'warm']) {
  test(`a task that comes back while its pool closes ends, and starts no process: the next lane is ${lane}`, async (t) => {
    const file = new URL('close-after-return.ts', import.meta.url).pathname;
    // A process that nobody kills keeps the program running until the time is over.
    const { stdout } = await promisify(execFile)(process.execPath, [file, lane], { timeout: 60_000 });
    t.is(stdout.trim(), 'shutting_down, returned: 1');
  });
}

test('without a free descriptor no process starts: tasks wait for a bounded time, and a process starts later', async (t) => {
  const file = new URL('without-descriptors.ts', import.meta.url).pathname;
  // Node raises the soft limit to the hard one, and `ulimit -n` sets both.
  const command = 'ulimit -n 60; exec "$0" "$1"';
  const { stdout } = await promisify(execFile)('sh', ['-c', command, process.execPath, file], { timeout: 90_000 });
  const { waitedMs, waitedAgainMs, ...seen } = JSON.parse(stdout) as Record<string, unknown>;
  const refused = 'overloaded: The system starts no worker for this at the moment';
  t.deepEqual(seen, {
    state: 'degraded',
    first: 'ok',
    long: [refused, refused],
    tries: 3,
    again: refused,
    beside: 'ok',
    after: 'ok',
  });
  t.true(Number(waitedMs) >= 1_900, 'two pauses of a second');
  t.true(Number(waitedAgainMs) < 1_000, 'a task does not wait while the starts fail');
});

test('a large text that is cancelled while it waits delays the texts behind it no longer', async (t) => {
  const lane = createLane({
    ...laneParts,
    largeTexts: createLargeTexts(1),
    places: { ...laneParts.places, all: 3, large: 3, jobs: 3 },
    queue: createFairQueue<LaneTask>({ maxTasks: 10, maxBytes: Infinity }),
    filename: new URL('../bad-worker.ts', import.meta.url).href,
  });
  t.teardown(lane.close);
  const ignore = (): void => {};
  const text = (id: number, parsedBytes: number, symbol?: string): LaneTask => ({
    ...laneTask(id, { expectedMs: 1_000, replied: ignore, lost: ignore, ...(symbol && { symbol }) }),
    caller: `caller ${id}`,
    parsedBytes,
  });
  const large = text(2, 55e6);
  // The process is busy with the first text until the lane is closed.
  lane.add(text(1, 2e6, 'hang'));
  lane.add(large);
  lane.add(text(3, 2e6));
  t.is(lane.waiting(), 2, 'the third text must not take the room that the second one needs');
  t.true(lane.cancel(large));
  t.is(lane.waiting(), 0);
});
