import { randomInt } from 'node:crypto';

/** Secrets of the process. */
const offset = randomInt(2 ** 32);
const factors = [randomInt(2 ** 31) * 2 + 1, randomInt(2 ** 31) * 2 + 1] as const;

const isKey = (key: number): boolean => key === (key | 0);

/** A different integer for each integer of 32 bits. */
const mixed = (integer: number): number => {
  const product = Math.imul(integer ^ offset, factors[0]);
  return Math.imul(product ^ (product >>> 15), factors[1]);
};

/**
 * A map whose keys are integers of 32 bits that a caller chose. V8 hashes numbers without a secret, so a Map of them can be filled with
 * keys of one bucket. Here the keys are mixed with a secret first. A number that is no integer of 32 bits is no key.
 */
export type IntegerMap<Value> = {
  readonly get: (key: number) => Value | undefined;
  readonly has: (key: number) => boolean;
  readonly set: (key: number, value: Value) => void;
  readonly size: () => number;
};

export const createIntegerMap = <Value>(): IntegerMap<Value> => {
  const values = new Map<number, Value>();
  return {
    get: (key) => (isKey(key) ? values.get(mixed(key)) : undefined),
    has: (key) => isKey(key) && values.has(mixed(key)),
    set: (key, value) => {
      if (!isKey(key)) throw new RangeError(`${key} is no integer of 32 bits`);
      values.set(mixed(key), value);
    },
    size: () => values.size,
  };
};
