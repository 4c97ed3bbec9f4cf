import type { IndexPlan } from './index-plan.ts';

/**
 * An index after the close of a day. The value is `anchor * (marketValue / base)`, where the market value is the sum of
 * `units * (close / reference)` over the members. The divisor of the literature is `base / anchor`, and the number of
 * shares that the index holds is `units / reference`. Values stay exact with two numbers in place of one: a constituent
 * that was just set to its weight has the reference `close`, and its part is then exactly its weight.
 * The calculation changes a state in place, because it has four numbers for each of up to 10,000 constituents.
 */
export type IndexState = {
  /** The last day that was calculated. Empty before the first one. */
  date: string;
  /** Number of calculated days. */
  ordinal: number;
  /** NaN until the index begins. */
  value: number;
  anchor: number;
  base: number;
  /** 0: not a member. */
  readonly units: Float64Array;
  readonly references: Float64Array;
  /** The last close in shares of today. NaN: none. With `each_bar`: the close of the last day, NaN if it has none. */
  readonly closes: Float64Array;
  /** Shares outstanding. NaN: not known. */
  readonly shares: Float64Array;
};

const filled = (length: number, value: number): Float64Array => new Float64Array(length).fill(value);

export const emptyState = ({ constituents: { length } }: Pick<IndexPlan, 'constituents'>): IndexState => ({
  date: '',
  ordinal: 0,
  value: NaN,
  anchor: NaN,
  base: 0,
  units: filled(length, 0),
  references: filled(length, 1),
  closes: filled(length, NaN),
  shares: filled(length, NaN),
});

/**
 * Values, market values and divisors outside of this range are refused, because products and quotients of two of them could be outside
 * the range of numbers, and explanations have them.
 * @throws RangeError
 */
export const assertUsable = (number: number): void => {
  if (!(number >= 1e-220 && number <= 1e220)) throw new RangeError('A value is not from 1e-220 to 1e220');
};

const listsOf = ({ units, references, closes, shares }: IndexState) => [units, references, closes, shares];

/** Position of the first list in the bytes, after value, anchor and base. */
const listsAt = 3;

/** The state as bytes: value, anchor and base, then the four lists, as doubles in the byte order of x86 and ARM. */
export const encodeState = (state: IndexState): Buffer => {
  const lists = listsOf(state);
  const { length } = state.units;
  const numbers = new Float64Array(listsAt + lists.length * length);
  numbers.set([state.value, state.anchor, state.base]);
  for (const [index, list] of lists.entries()) numbers.set(list, listsAt + index * length);
  return Buffer.from(numbers.buffer);
};

/** Undefined if the bytes do not fit the number of constituents. */
export const decodeState = (
  plan: Pick<IndexPlan, 'constituents'>,
  { date, ordinal, state: bytes }: { readonly date: string; readonly ordinal: number; readonly state: Uint8Array },
): IndexState | undefined => {
  const state = emptyState(plan);
  const lists = listsOf(state);
  const { length } = state.units;
  const size = (listsAt + lists.length * length) * Float64Array.BYTES_PER_ELEMENT;
  if (bytes.length !== size) return undefined;
  // A copy, because the bytes of the driver may begin at any address.
  const numbers = new Float64Array(Uint8Array.from(bytes).buffer);
  const [value = NaN, anchor = NaN, base = NaN] = numbers;
  Object.assign(state, { date, ordinal, value, anchor, base });
  for (const [index, list] of lists.entries()) {
    list.set(numbers.subarray(listsAt + index * length, listsAt + (index + 1) * length));
  }
  return state;
};
