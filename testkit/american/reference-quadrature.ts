/** Gauss-Legendre nodes on (0, 1) and weights, from the eigenvalue-free bisection of the Legendre polynomial. */
export const legendre = (size: number): { readonly x: readonly number[]; readonly w: readonly number[] } => {
  const polynomial = (z: number): [value: number, slope: number] => {
    let before = 0;
    let value = 1;
    for (let n = 1; n <= size; n++) [before, value] = [value, ((2 * n - 1) * z * value - (n - 1) * before) / n];
    return [value, (size * (z * value - before)) / (z * z - 1)];
  };
  const x: number[] = [];
  const w: number[] = [];
  // Two neighbouring extremes of the cosine grid enclose exactly one root.
  for (let i = size; i >= 1; i--) {
    let low = Math.cos((Math.PI * i) / (size + 0.5));
    let high = Math.cos((Math.PI * (i - 0.5)) / (size + 0.5));
    const sign = Math.sign(polynomial(low)[0]);
    for (let step = 0; step < 60; step++) {
      const middle = 0.5 * (low + high);
      if (Math.sign(polynomial(middle)[0]) === sign) low = middle;
      else high = middle;
    }
    const slope = polynomial(low)[1];
    x.push(0.5 * (1 + low));
    w.push(1 / ((1 - low * low) * slope * slope));
  }
  return { x, w };
};

export type ReferencePoint = { readonly time: number; readonly elapsed: number; readonly weight: number };

/**
 * Points and weights for the integral over the past times 0..now. Each interval between two `ends` is integrated over the
 * root of the time; the last two, where the integrand has a root singularity at `now`, over the root of the time that
 * has passed since, in intervals that shrink towards `now`.
 */
export const pastPoints = (
  now: number,
  ends: readonly number[],
  rule: ReturnType<typeof legendre>,
  shrinks: number,
): ReferencePoint[] => {
  const result: ReferencePoint[] = [];
  const past = ends.filter((end) => end < now * (1 - 1e-12));
  const nearFrom = past.at(-2) ?? 0;
  const add = (low: number, high: number, point: (root: number) => { time: number; elapsed: number }): void => {
    rule.x.forEach((x, k) => {
      const root = low + (high - low) * x;
      result.push({ ...point(root), weight: 2 * root * (high - low) * rule.w[k]! });
    });
  };
  const fromExpiry = (root: number) => ({ time: root * root, elapsed: now - root * root });
  const fromNow = (root: number) => ({ time: now - root * root, elapsed: root * root });
  let split = nearFrom;
  if (nearFrom === 0) {
    split = 0.5 * now;
    add(0, Math.sqrt(split), fromExpiry);
  }
  for (let j = 1; j < past.length && past[j]! <= nearFrom; j++) {
    add(Math.sqrt(past[j - 1]!), Math.sqrt(past[j]!), fromExpiry);
  }
  let high = Math.sqrt(now - split);
  for (let k = 0; k < shrinks; k++) {
    add(high / 3, high, fromNow);
    high /= 3;
  }
  add(0, high, fromNow);
  return result;
};
