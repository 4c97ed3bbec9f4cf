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

/** The columns of shifts for `rows` rows that go through the nodes again and again. */
export const shiftColumns = ({ grid: { axes }, nodes }: GridResult, rows: number) => {
  const columns = axisNames.map((name) => ({ name: gridAxes[name].column, cells: new Float64Array(rows) }));
  for (let row = 0; row < rows; row++) {
    const shifts = shiftsAt(axes, row % nodes);
    for (let axis = 0; axis < columns.length; axis++) columns[axis]!.cells[row] = shifts[axis]!;
  }
  return columns;
};

/** The sum over all positions at each node; NaN where one of them failed or the sum is not finite. */
export const totalsOf = ({ nodes, size, values, failed }: GridResult): readonly Float64Array[] =>
  values.map((cells) => {
    const sums = new Float64Array(nodes);
    for (let row = 0; row < size; row++) sums[row % nodes]! += failed[row] === 0 ? cells[row]! : Number.NaN;
    return sums.map((sum) => (Number.isFinite(sum) ? sum : Number.NaN));
  });
