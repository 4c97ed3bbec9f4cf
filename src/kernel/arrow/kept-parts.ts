import { validationFailed } from '../requests/validation-failed.ts';

/**
 * Max chunks: one for each column of each batch, each member of a list and each dictionary. A chunk takes about a kilobyte of memory and 3 us, however
 * few rows it has. 100,000 rows of 40 columns in batches of 1,000 are 4,000 chunks.
 */
export const maxChunks = 20_000;
/** Max buffers with the texts of views. An empty one has 16 bytes in a stream. Writers use one for some kilobytes to megabytes of texts. */
const maxViewBuffers = 100_000;

/**
 * How many more parts batches may have. Parts take memory beyond their bytes, so batches that are kept together must share
 * one of these. A batch that is not kept has its own.
 */
export type PartsLeft = { chunks: number; viewBuffers: number };
export const createPartsLeft = (): PartsLeft => ({ chunks: maxChunks, viewBuffers: maxViewBuffers });

const tooMany = (detail: string) =>
  validationFailed([{ pointer: '/columns', code: 'unsupported', detail }], 'body_structure');

/** @throws AppError `validation_failed` beyond the max */
export const takeChunk = (left: PartsLeft): void => {
  left.chunks -= 1;
  if (left.chunks >= 0) return;
  throw tooMany(
    `An Arrow stream may have at most ${maxChunks} chunks (batches times columns, and dictionaries): combine its batches`,
  );
};

/** @throws AppError `validation_failed` beyond the max */
export const takeViewBuffers = (left: PartsLeft, count: number): void => {
  left.viewBuffers -= count;
  if (left.viewBuffers >= 0) return;
  throw tooMany(`The columns of views may have at most ${maxViewBuffers} buffers: combine their chunks`);
};
