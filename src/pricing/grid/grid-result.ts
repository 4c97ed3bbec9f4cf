import type { Steps } from '#src/kernel/streams/turns.ts';
import type { ErrorCode } from '#src/kernel/catalogue/errors.ts';
import { axisNames, gridAxes, shiftsAt } from './grid-axes.ts';
import type { Grid } from './read-grid.ts';

export type GridFailure = {
  /** Row of the columns. */
  readonly index: number;
  readonly position: number;
  readonly code: ErrorCode;
  readonly detail: string;
};

/** The numbers of a grid. Those of failed rows have no meaning. */
export type GridResult = {
  readonly grid: Grid;
  readonly nodes: number;
  readonly size: number;
  /** The names of `values`: `value` and the greeks, times the quantity. */
  readonly columns: readonly string[];
  readonly values: readonly Float64Array[];
  readonly failed: Uint8Array;
  readonly failures: readonly GridFailure[];
  readonly computationTimeMs: number;
};

/** Rows of one step. */
const rowsAtOnce = 10_000;

/** The columns of shifts for `rows` rows that go through the nodes again and again. */
export const shiftColumns = function* (
  { grid: { axes }, nodes }: GridResult,
  rows: number,
): Steps<readonly { readonly name: string; readonly cells: Float64Array }[]> {
  const columns = axisNames.map((name) => ({ name: gridAxes[name].column, cells: new Float64Array(rows) }));
  for (let row = 0; row < rows; row++) {
    if (row % rowsAtOnce === 0) yield;
    const shifts = shiftsAt(axes, row % nodes);
    for (let axis = 0; axis < columns.length; axis++) columns[axis]!.cells[row] = shifts[axis]!;
  }
  return columns;
};

/** The sum over all positions at each node; NaN where one of them failed or the sum is not finite. */
export const totalsOf = function* ({ nodes, size, values, failed }: GridResult): Steps<readonly Float64Array[]> {
  const totals: Float64Array[] = [];
  for (const cells of values) {
    const sums = new Float64Array(nodes);
    for (let row = 0; row < size; row++) {
      if (row % rowsAtOnce === 0) yield;
      sums[row % nodes]! += failed[row] === 0 ? cells[row]! : Number.NaN;
    }
    totals.push(sums.map((sum) => (Number.isFinite(sum) ? sum : Number.NaN)));
  }
  return totals;
};
