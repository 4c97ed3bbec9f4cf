/** Samples for each cell. There are many more samples than coefficients, so that rounding errors of `f` average out. */
const SAMPLES = 64;

/**
 * Coefficients of a function as one polynomial for each unit cell of w: f(w) = sum of c[k] v^k with v = w - cell - 1/2,
 * for `from` <= w < `from + cells`. Each polynomial is the least-squares fit at Chebyshev nodes. The result is a flat
 * matrix [cell][k] with `degree` + 1 columns.
 */
export const tabulate = (f: (w: number) => number, from: number, cells: number, degree: number): Float64Array => {
  const size = degree + 1;
  const angles = Array.from({ length: SAMPLES }, (_, j) => ((2 * j + 1) * Math.PI) / (2 * SAMPLES));
  const basis = chebyshevByPower(size);
  const table = new Float64Array(cells * size);
  for (let cell = 0; cell < cells; cell++) {
    // The fit is on differences from the middle value, because their sums have smaller rounding errors.
    const middle = f(from + cell + 0.5);
    const values = angles.map((angle) => f(from + cell + 0.5 + 0.5 * Math.cos(angle)) - middle);
    for (let order = 0; order < size; order++) {
      const sum = values.reduce((total, value, j) => total + value * Math.cos(order * angles[j]!), 0);
      const coefficient = ((order === 0 ? 1 : 2) / SAMPLES) * sum;
      // The Chebyshev variable is x = 2 v, so x^k is 2^k v^k.
      for (let k = 0; k <= order; k++) table[cell * size + k]! += coefficient * basis[order]![k]! * 2 ** k;
    }
    table[cell * size]! += middle;
  }
  return table;
};

/** Row n holds the coefficients of the Chebyshev polynomial T(n). */
const chebyshevByPower = (size: number): number[][] => {
  const rows: number[][] = [[1], [0, 1]];
  while (rows.length < size) {
    const [before, last] = rows.slice(-2) as [number[], number[]];
    rows.push(Array.from({ length: last.length + 1 }, (_, k) => 2 * (last[k - 1] ?? 0) - (before[k] ?? 0)));
  }
  return rows;
};
