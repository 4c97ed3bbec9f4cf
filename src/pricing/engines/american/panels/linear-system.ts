/**
 * Solves the square system `matrix` x = each column of `columns` by elimination with row pivots. The matrix is flat, row
 * after row, and is overwritten; the solutions replace the columns.
 */
export const solveLinear = (matrix: Float64Array, size: number, columns: readonly Float64Array[]): void => {
  for (let k = 0; k < size; k++) {
    let pivot = k;
    for (let i = k + 1; i < size; i++) {
      if (Math.abs(matrix[i * size + k]!) > Math.abs(matrix[pivot * size + k]!)) pivot = i;
    }
    if (pivot !== k) {
      for (let l = k; l < size; l++) swap(matrix, k * size + l, pivot * size + l);
      for (const column of columns) swap(column, k, pivot);
    }
    for (let i = k + 1; i < size; i++) {
      const factor = matrix[i * size + k]! / matrix[k * size + k]!;
      if (factor === 0) continue;
      for (let l = k + 1; l < size; l++) matrix[i * size + l]! -= factor * matrix[k * size + l]!;
      for (const column of columns) column[i]! -= factor * column[k]!;
    }
  }
  for (const column of columns) {
    for (let k = size - 1; k >= 0; k--) {
      let sum = column[k]!;
      for (let l = k + 1; l < size; l++) sum -= matrix[k * size + l]! * column[l]!;
      column[k] = sum / matrix[k * size + k]!;
    }
  }
};

const swap = (values: Float64Array, i: number, j: number): void => {
  const value = values[i]!;
  values[i] = values[j]!;
  values[j] = value;
};
