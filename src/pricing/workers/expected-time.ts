import type { WorkEstimate } from '../models/cost.ts';

/** Cost of the smallest task. */
const minMs = 0.5;
/** A process parses, checks and writes about this much JSON in a millisecond; measured by `npm run bench:http`. */
const bytesPerMs = 40_000;
/** A process reads a row and writes its result in this time, however few bytes the row has. A refused row takes twice as long. */
const rowMs = 0.004;

/**
 * Expected milliseconds of a task. Before the body is read, only its size is known; the queue is corrected later.
 * @param rows 0 while they are not known. Rows such as `{}` have 3 bytes, and 160 in the answer, so the size of a body does not show their work.
 */
export const expectedTime = (bytes: number, estimate?: WorkEstimate, rows = 0): number =>
  minMs + Math.max(bytes / bytesPerMs, rows * rowMs) + (estimate?.totalMs ?? 0);
