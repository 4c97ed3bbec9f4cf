import type { WorkEstimate } from '../models/cost.ts';

/** Cost of the smallest task. */
const minMs = 0.5;
/** A process parses, checks and writes about this much JSON in a millisecond; measured by `npm run bench:http`. */
const bytesPerMs = 40_000;

/** Expected milliseconds of a task. Before the body is read, only its size is known; the queue is corrected later. */
export const expectedTime = (bytes: number, estimate?: WorkEstimate): number =>
  minMs + bytes / bytesPerMs + (estimate?.totalMs ?? 0);
