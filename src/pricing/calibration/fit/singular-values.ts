/** The singular values of a matrix and its right singular vectors, in no special order. */
export type SingularValues = { readonly values: Float64Array; readonly vectors: readonly Float64Array[] };

const MAX_SWEEPS = 60;
const ORTHOGONAL = 1e-15;

const dot = (left: Float64Array, right: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < left.length; i++) sum += left[i]! * right[i]!;
  return sum;
};

const rotate = (left: Float64Array, right: Float64Array, cosine: number, sine: number): void => {
  for (let i = 0; i < left.length; i++) {
    const kept = left[i]!;
    left[i] = cosine * kept - sine * right[i]!;
    right[i] = sine * kept + cosine * right[i]!;
  }
};

/**
 * One-sided Jacobi rotations (M. R. Hestenes, 1958): the columns are rotated until they are orthogonal, and their lengths
 * are the singular values. Small values keep their digits.
 */
export const singularValuesOf = (columns: readonly Float64Array[]): SingularValues => {
  const matrix = columns.map((column) => column.slice());
  const vectors = columns.map((_, k) => Float64Array.from(columns, (__, j) => (j === k ? 1 : 0)));
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    let isDone = true;
    for (let j = 0; j < matrix.length; j++) {
      for (let k = j + 1; k < matrix.length; k++) {
        const [left, right] = [matrix[j]!, matrix[k]!];
        const product = dot(left, right);
        const [leftSquare, rightSquare] = [dot(left, left), dot(right, right)];
        if (Math.abs(product) <= ORTHOGONAL * Math.sqrt(leftSquare * rightSquare)) continue;
        isDone = false;
        const ratio = (rightSquare - leftSquare) / (2 * product);
        const tangent = (ratio < 0 ? -1 : 1) / (Math.abs(ratio) + Math.hypot(1, ratio));
        const cosine = 1 / Math.hypot(1, tangent);
        rotate(left, right, cosine, cosine * tangent);
        rotate(vectors[j]!, vectors[k]!, cosine, cosine * tangent);
      }
    }
    if (isDone) break;
  }
  return { values: Float64Array.from(matrix, (column) => Math.sqrt(dot(column, column))), vectors };
};
