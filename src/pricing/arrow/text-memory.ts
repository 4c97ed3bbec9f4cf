import { columnError } from '../batch/columns/columns.ts';
import { invalidRequest } from '../request/failures.ts';

/**
 * Max memory of the decoded texts of a stream. Many views may point to the same bytes, so the size of the stream does not limit it: 16 MB of
 * views are a million texts. A column of 100,000 different texts of 25 characters counts 8 MB.
 */
const maxBytes = 67_108_864;
/** Memory of a text beside its characters, in V8 and in the list of texts. */
const overheadBytes = 32;
/** One character beyond Latin-1 makes all characters of a text take two bytes. */
const bytesPerCharacter = 2;

/** Counts a text that was decoded, and returns it. @throws AppError `validation_failed` beyond the max of the stream */
export type CountText = (text: string | undefined) => string | undefined;

/** @returns makes the counter of a column. All columns of a stream share the max. */
export const createTextMemory = (): ((column: string) => CountText) => {
  let bytes = 0;
  return (column) => (text) => {
    bytes += overheadBytes + bytesPerCharacter * (text?.length ?? 0);
    if (bytes <= maxBytes) return text;
    const detail = `The texts of this stream need more than ${maxBytes} bytes of memory: send fewer rows, or fewer different texts`;
    throw invalidRequest([columnError(column, 'invalid_length', detail)], 'body_structure');
  };
};
