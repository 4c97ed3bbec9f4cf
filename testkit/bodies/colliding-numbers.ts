const mask = 2n ** 64n - 1n;
/** The number whose product with the odd number `a` is 1 modulo 2^64. */
const inverse = (a: bigint): bigint => {
  let found = a;
  for (let step = 0; step < 6; step++) found = (found * (2n - a * found)) & mask;
  return found;
};
/** What `x` was before `x ^= x >> shift`. */
const beforeShift = (value: bigint, shift: bigint): bigint => {
  let found = value;
  for (let known = shift; known < 64n; known += shift) found = value ^ (found >> shift);
  return found & mask;
};
const factors = [2n ** 18n - 1n, 21n, 65n].map(inverse) as [bigint, bigint, bigint];

/** The bits of the double that V8 gives this hash in a Map or Set: the steps of `ComputeLongHash`, each one back. */
const bitsOf = (hash: bigint): bigint => {
  let bits = (beforeShift(hash, 22n) * factors[2]) & mask;
  bits = (beforeShift(bits, 11n) * factors[1]) & mask;
  bits = beforeShift(bits, 31n);
  return ((bits + 1n) * factors[0]) & mask;
};

/** Different numbers from 0 to `max` whose hashes have the same lowest 16 bits, so that they share a bucket of a Map or Set. */
export const collidingNumbers = (count: number, max: number): number[] => {
  const cell = new DataView(new ArrayBuffer(8));
  const found: number[] = [];
  for (let high = 1n; found.length < count; high++) {
    cell.setBigUint64(0, bitsOf(((high << 16n) | (((high * 0x9e37_79b9n) & 0xffffn) << 48n)) & mask));
    const number = cell.getFloat64(0);
    if (number >= 0 && number <= max && !Number.isInteger(number)) found.push(number);
  }
  return found;
};

/** The hash of an integer in a Map or Set of V8 (`ComputeUnseededHash`). */
const hashOf = (integer: number): number => {
  let hash = (~integer + (integer << 15)) | 0;
  hash ^= hash >>> 12;
  hash = (hash + (hash << 2)) | 0;
  hash ^= hash >>> 4;
  hash = Math.imul(hash, 2_057);
  return (hash ^ (hash >>> 16)) & 0x3fff_ffff;
};

/** The integers from 0 to `max` whose hashes have the same lowest 11 bits, so that they share a bucket of up to 4,096 keys. */
export const collidingIntegers = (max: number): number[] => {
  const found: number[] = [];
  for (let integer = 0; integer <= max; integer++) if ((hashOf(integer) & 2_047) === 7) found.push(integer);
  return found;
};
