import { runAtOnce } from '#src/kernel/streams/turns.ts';
import { readArrowSteps } from '#src/pricing/arrow/read-columns.ts';
import type { ColumnRequest } from '#src/pricing/batch/columns/columns.ts';

/** Reads a stream in one step. */
export const readColumnsArrow = (bytes: Uint8Array): ColumnRequest => runAtOnce(readArrowSteps(bytes));
