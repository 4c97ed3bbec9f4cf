import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { TakenFault } from '#src/kernel/catalogue/faults.ts';
import { serve } from './serve.ts';

/** The program of a pricing process. */

/** Blocks the thread like an endless loop: the process receives no message, but it can be killed. */
const block = (milliseconds?: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)), 0, 0, milliseconds);
};

/** Applies an injected fault. */
const feel = ({ mode, delayMs, errorCode }: TakenFault): void => {
  if (delayMs > 0) block(delayMs);
  if (mode === 'hang') block();
  else if (mode === 'crash') process.exit(1);
  else if (mode === 'error') throw new AppError(errorCode, 'Injected fault at pricing.worker');
};

serve({
  before: ({ fault }) => {
    if (fault !== undefined) feel(fault);
  },
});
