import { createFairQueue } from '#src/pricing/workers/fair-queue.ts';
import type { LaneTask } from '#src/pricing/workers/lanes/lane-task.ts';
import { createLane } from '#src/pricing/workers/lanes/lane.ts';
import { program } from '../start-pool.ts';
import { laneParts, laneTask } from './lane-parts.ts';

/** A program that closes a lane while the reply of its process is in the pipe. */
const lane = createLane({
  ...laneParts,
  queue: createFairQueue<LaneTask>({ maxTasks: 10, maxBytes: Infinity }),
  filename: program,
});
const send = async (id: number): Promise<void> =>
  new Promise((resolve) => {
    lane.add(laneTask(id, { expectedMs: 1, replied: () => resolve(), lost: () => resolve() }));
  });
await send(1);
void send(2);
// The process has sent the reply before this program reads again. Nothing may be read meanwhile, so no condition can be awaited.
await new Promise(setImmediate);
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
await lane.close();
console.log('closed');
