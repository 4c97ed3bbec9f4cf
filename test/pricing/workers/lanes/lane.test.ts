import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'ava';
import { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import { createFairQueue } from '#src/pricing/workers/fair-queue.ts';
import type { LaneTask } from '#src/pricing/workers/lane-task.ts';
import { createLane } from '#src/pricing/workers/lane.ts';
import { call } from '../../setup.ts';

test('the expected time of a task does not stay with its caller when the process ends', async (t) => {
  const queue = createFairQueue<LaneTask>({ maxTasks: 10, maxBytes: Infinity });
  let chargedMs = 0;
  const ignore = (): void => {};
  const lane = createLane({
    queue: {
      ...queue,
      charge: (task, milliseconds) => {
        chargedMs += milliseconds;
        queue.charge(task, milliseconds);
      },
    },
    filename: new URL('../bad-worker.ts', import.meta.url).href,
    processes: 1,
    places: { all: 1, large: 1, jobs: 1 },
    niceness: 0,
    keptBytes: 1e9,
    heapMegabytes: 64,
    stallMs: 60_000,
    cancelGraceMs: 1_000,
    onEnd: ignore,
    onDisplaced: ignore,
    onSuspicion: ignore,
    onChange: ignore,
  });
  t.teardown(lane.close);
  const body = ByteBlocks.of(Buffer.from(JSON.stringify({ options: [{ ...call, symbol: 'exit' }] })));
  const { promise, resolve } = Promise.withResolvers<string>();
  lane.add({
    head: { id: 1, request: { input: 'json', answer: ['json'], jsonDepth: 20 } },
    body,
    bytes: body.byteLength,
    caller: 'a',
    kind: 'batch',
    expectedMs: 5_000,
    isUncertain: false,
    limits: { maxMs: 1e9 },
    losses: 0,
    runsAlone: false,
    replied: () => resolve('replied'),
    lost: resolve,
  });
  t.is(await promise, 'ended');
  t.is(chargedMs, -5_000);
});

test('a lane that closes with a reply in the pipe keeps its program running until its process has ended', async (t) => {
  const file = new URL('close-after-reply.ts', import.meta.url).pathname;
  // With an await that nothing ends, Node exits with the status 13, and this rejects.
  const { stdout } = await promisify(execFile)(process.execPath, [file], { timeout: 60_000 });
  t.is(stdout.trim(), 'closed');
});
