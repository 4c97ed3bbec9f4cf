import type { Random } from './random.ts';

/** Makes an invalid or unusual input from valid inputs. */
export type Mutate = (random: Random, samples: readonly Uint8Array[]) => Uint8Array;
type Change = (random: Random, bytes: Uint8Array, samples: readonly Uint8Array[]) => Uint8Array;

/** Maximum size of a mutant, so that the duration of a run is limited. */
export const maxMutantBytes = 1_048_576;

const words = [0, 1, 2, 3, 8, 255, 256, 65_535, 2 ** 24, 2 ** 30, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32 - 2];
const quads = [
  0n,
  1n,
  -1n,
  100_000n,
  100_001n,
  2n ** 31n,
  2n ** 32n,
  2n ** 53n,
  2n ** 62n,
  2n ** 63n - 1n,
  -(2n ** 63n),
];

/** Part of the input, with random start and end. */
const sliceOf = ({ below }: Random, bytes: Uint8Array): Uint8Array => {
  const start = below(bytes.length);
  return bytes.subarray(start, start + 1 + below(Math.min(512, bytes.length - start)));
};

const flip: Change = ({ below }, bytes) => {
  if (bytes.length === 0) return bytes;
  for (let count = 1 + below(8); count > 0; count--) {
    const at = below(bytes.length);
    bytes[at] = bytes[at]! ^ (1 << below(8));
  }
  return bytes;
};
const setByte: Change = ({ below }, bytes) => {
  if (bytes.length > 0) bytes[below(bytes.length)] = below(256);
  return bytes;
};
const setWord: Change = ({ below, pick }, bytes) => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const values = [...words, bytes.length, bytes.length + 1];
  if (bytes.length >= 4) view.setUint32(below(bytes.length >> 2) * 4, pick(values), true);
  return bytes;
};
const setQuad: Change = ({ below, pick }, bytes) => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length >= 8) view.setBigInt64(below(bytes.length >> 3) * 8, pick(quads), true);
  return bytes;
};
const truncate: Change = ({ below }, bytes) => bytes.subarray(0, below(bytes.length + 1));
const remove: Change = (random, bytes) => {
  const start = random.below(bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + random.below(64))]);
};
const insert: Change = (random, bytes) => {
  const start = random.below(bytes.length + 1);
  const added = Uint8Array.from({ length: 1 + random.below(32) }, () => random.below(256));
  return Buffer.concat([bytes.subarray(0, start), added, bytes.subarray(start)]);
};
const splice: Change = (random, bytes, samples) => {
  const other = random.pick(samples);
  return Buffer.concat([bytes.subarray(0, random.below(bytes.length + 1)), other.subarray(random.below(other.length))]);
};
const repeat: Change = (random, bytes) => {
  const part = sliceOf(random, bytes);
  const end = part.byteOffset - bytes.byteOffset + part.length;
  const times = 1 + random.below(random.pick([2, 20, 200]));
  return Buffer.concat([bytes.subarray(0, end), ...Array.from({ length: times }, () => part), bytes.subarray(end)]);
};

/** Applies one to three of `changes` in sequence to a copy of a valid input. */
export const createMutate =
  (changes: readonly Change[]): Mutate =>
  (random, samples) => {
    let bytes = Uint8Array.from(random.pick(samples));
    for (let count = random.pick([1, 1, 2, 3]); count > 0; count--) {
      bytes = Uint8Array.from(random.pick(changes)(random, bytes, samples)).subarray(0, maxMutantBytes);
    }
    return bytes;
  };

export const byteChanges: readonly Change[] = [
  flip,
  flip,
  setByte,
  setWord,
  setWord,
  setQuad,
  truncate,
  remove,
  insert,
  splice,
  repeat,
];
export type { Change };
