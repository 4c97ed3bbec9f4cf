import type { WorkEstimate } from '../models/cost.ts';
import type { PreparedBatch } from './prepared-batch.ts';

const sliceMs = 4;
/** Max time of a slice by the estimate of its slowest row, unless one row takes longer. */
const maxSliceMs = 32;
/** The slowest rows of a model can take twenty times as long as its estimate says. */
const maxSliceRows = 256;
/** Rows between two looks at the clock, unless a row takes long. A row takes 0.2 microseconds or more, and a look 0.03. */
const rowsPerLook = 4;
/** A look after each row that takes longer than this by its estimate costs nothing. */
const maxLookMs = 0.01;

type RowEstimate = Pick<WorkEstimate, 'maxRowMs' | 'isIrregular'>;

export type Slices = {
  readonly isDone: () => boolean;
  /** Prices the next rows, for about 4 ms; one row of a slow model may take longer. @returns the milliseconds it took */
  readonly next: () => number;
};

/**
 * Divides the rows of a batch into slices of about 4 ms. A slice cannot be interrupted. It ends early when its time is over, because slow rows
 * can follow on thousands of fast ones, whose time says nothing about them.
 * @param estimate the time is looked at after each row if the estimate of a row may be wrong
 */
export const createSlices = (
  batch: Pick<PreparedBatch, 'size' | 'run'>,
  { maxRowMs, isIrregular }: RowEstimate,
): Slices => {
  const piece = maxRowMs > maxLookMs ? 1 : rowsPerLook;
  const maxStep = isIrregular ? 1 : Math.min(maxSliceRows, Math.max(1, Math.floor(maxSliceMs / maxRowMs)));
  // One row of a slow model may take a second. So the first slice is one row, and its time decides the size of the
  // next.
  let step = 1;
  let from = 0;
  return {
    isDone: () => from >= batch.size,
    next: () => {
      const begun = performance.now();
      const end = Math.min(batch.size, from + step);
      let took = 0;
      while (from < end && took <= sliceMs) {
        const to = Math.min(end, from + piece);
        batch.run(from, to);
        from = to;
        took = performance.now() - begun;
      }
      // A slice that took too long is halved.
      step = took > sliceMs ? Math.max(1, step >> 1) : took < sliceMs / 4 ? Math.min(maxStep, step * 2) : step;
      return took;
    },
  };
};

/**
 * Prices all rows, with `pause` after each 4 ms of work, until `stopped` returns true.
 * @param stopped gets the milliseconds of the last slice, 0 before the first one
 * @returns whether all rows were priced
 */
export const runSlices = async (
  batch: Pick<PreparedBatch, 'size' | 'run'>,
  estimate: RowEstimate,
  stopped: (sliceMs: number) => boolean,
  pause: () => Promise<unknown>,
): Promise<boolean> => {
  const slices = createSlices(batch, estimate);
  let lastMs = 0;
  let sincePauseMs = 0;
  while (!slices.isDone()) {
    if (stopped(lastMs)) return false;
    lastMs = slices.next();
    sincePauseMs += lastMs;
    // The first slices are short. A pause after each of them would let all open batches advance and none end.
    if (slices.isDone() || sincePauseMs < sliceMs) continue;
    sincePauseMs = 0;
    await pause();
  }
  return true;
};
