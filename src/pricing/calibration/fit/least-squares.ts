/**
 * Reduces the columns of a matrix to an upper triangle by Householder reflections, in place, and applies the reflections to
 * `right`. The matrix has at least as many rows as columns. The entries below the triangle have no meaning afterwards.
 */
const reduceToTriangle = (columns: readonly Float64Array[], right: Float64Array): void => {
  const rows = right.length;
  for (let k = 0; k < columns.length; k++) {
    const pivot = columns[k]!;
    let norm = 0;
    for (let i = k; i < rows; i++) norm = Math.hypot(norm, pivot[i]!);
    if (norm === 0) continue;
    if (pivot[k]! > 0) norm = -norm;
    // The reflection is 1 - v v' / (v0 head), where v is the column less its image and v0 is the first entry of v.
    const head = pivot[k]! - norm;
    const reflect = (target: Float64Array): void => {
      let dot = 0;
      for (let i = k; i < rows; i++) dot += (i === k ? head : pivot[i]!) * target[i]!;
      const factor = dot / (norm * head);
      for (let i = k; i < rows; i++) target[i]! += factor * (i === k ? head : pivot[i]!);
    };
    for (let j = k + 1; j < columns.length; j++) reflect(columns[j]!);
    reflect(right);
    pivot[k] = norm;
  }
};

/** Solves the triangle that `reduceToTriangle` left. A row without a pivot gets 0. */
const solveTriangle = (columns: readonly Float64Array[], right: Float64Array): Float64Array => {
  const solution = new Float64Array(columns.length);
  for (let k = columns.length - 1; k >= 0; k--) {
    let rest = right[k]!;
    for (let j = k + 1; j < columns.length; j++) rest -= columns[j]![k]! * solution[j]!;
    const pivot = columns[k]![k]!;
    solution[k] = pivot === 0 ? 0 : rest / pivot;
  }
  return solution;
};

/**
 * The step that minimises |J step + r|^2 + damping |D step|^2. The damping is a part of the matrix, so its products are not
 * formed, which would lose half of the digits.
 * @param scales the diagonal of D
 */
export const dampedStep = (
  columns: readonly Float64Array[],
  residuals: Float64Array,
  scales: readonly number[],
  damping: number,
): Float64Array => {
  const rows = residuals.length;
  const matrix = columns.map((column, j) => {
    const extended = new Float64Array(rows + columns.length);
    extended.set(column);
    extended[rows + j] = Math.sqrt(damping) * scales[j]!;
    return extended;
  });
  const right = new Float64Array(rows + columns.length);
  for (let i = 0; i < rows; i++) right[i] = -residuals[i]!;
  reduceToTriangle(matrix, right);
  return solveTriangle(matrix, right);
};
