import { createFairQueue } from '#src/pricing/workers/fair-queue.ts';
import type { LaneTask } from '#src/pricing/workers/lane-task.ts';
import { createLane } from '#src/pricing/workers/lane.ts';
import { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import { call } from '../../setup.ts';
import { program } from '../start-pool.ts';

/** A program that closes a lane while the reply of its process is in the pipe. */
const ignore = (): void => {};
const lane = createLane({
  queue: createFairQueue<LaneTask>({ maxTasks: 10, maxBytes: Infinity }),
  filename: program,
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
const body = ByteBlocks.of(Buffer.from(JSON.stringify({ options: [call] })));
const send = async (id: number): Promise<void> =>
  new Promise((resolve) => {
    lane.add({
      head: { id, request: { input: 'json', answer: ['json'], jsonDepth: 20 } },
      body,
      bytes: body.byteLength,
      caller: 'a',
      kind: 'batch',
      expectedMs: 1,
      isUncertain: false,
      limits: { maxMs: 1e9 },
      losses: 0,
      runsAlone: false,
      replied: () => resolve(),
      lost: () => resolve(),
    });
  });
await send(1);
void send(2);
// The process has sent the reply before this program reads again.
await new Promise(setImmediate);
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
await lane.close();
console.log('closed');
