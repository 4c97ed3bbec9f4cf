import type { Transport } from './prepared-batch.ts';

/** What an object repeats of its row at least. A preset can give the inputs, so that the body has fewer bytes of them. */
const minInputBytes = 100;
/** Bytes that an object adds to its row: the inputs with their defaults, the years of a date, the parts of a contract. */
const addedBytes = { plain: 75, dates: 120, contracts: 200 } as const;
/** Bytes of an output of an object beside its name. */
const outputBytes = 24;
/** Bytes of a row in columns beside its cells: its part of the errors. */
const rowBytes = 20;
const cellBytes: Readonly<Record<Transport, number>> = { json: 20, arrow: 8 };

export type ObjectRows = {
  readonly count: number;
  /** The bytes of the body, because each object repeats its row. */
  readonly bodyBytes: number;
  /** What some rows have that their objects explain. */
  readonly kind: keyof typeof addedBytes;
};

/**
 * Estimated bytes of an answer with an object for each row. Warnings and long errors are not in it: a process counts the bytes when it
 * has written them.
 */
export const bytesOfObjects = ({ count, bodyBytes, kind }: ObjectRows, outputs: readonly string[]): number => {
  // An object always has its price. For a volatility it is in the row.
  const members = new Set(outputs.includes('implied_volatility') ? outputs : ['price', ...outputs]);
  const outputsBytes = members.values().reduce((sum, name) => sum + name.length + outputBytes, 0);
  return Math.max(count * minInputBytes, bodyBytes) + count * (addedBytes[kind] + outputsBytes);
};

/** The same without ids, for an answer with `columns` cells for each row. */
export const bytesOfColumns = (answer: Transport, rows: number, columns: number): number =>
  rows * (rowBytes + cellBytes[answer] * columns);
