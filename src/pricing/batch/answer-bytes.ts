import type { Transport } from './prepared-batch.ts';

/** Bytes of an object with its inputs and its price, or of one without members and with its error. */
const objectBytes = 160;
/** Bytes of each other output of an object, with its name. */
const memberBytes = 32;
/** Bytes of a row in columns beside its cells: its part of the errors. */
const rowBytes = 20;
const cellBytes: Readonly<Record<Transport, number>> = { json: 20, arrow: 8 };

/**
 * Estimated bytes of an answer with an object for each row. Warnings, long ids and long errors are not in it: a process counts the
 * bytes when it has written them.
 */
export const bytesOfObjects = (rows: number, outputs: readonly string[]): number =>
  rows * (objectBytes + memberBytes * outputs.filter((name) => name !== 'price').length);

/** The same for an answer with `columns` cells for each row. */
export const bytesOfColumns = (answer: Transport, rows: number, columns: number): number =>
  rows * (rowBytes + cellBytes[answer] * columns);
