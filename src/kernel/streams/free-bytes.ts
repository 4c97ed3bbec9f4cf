/**
 * Releases the memory of bytes that nobody reads any more. The garbage collector alone would keep it until a collection,
 * and bytes outside the heap make V8 collect the whole heap early (docs/decisions/0093). Bytes that share their memory
 * with others are not released, and bytes that were released already stay so.
 */
export const freeBytes = ({ buffer, byteLength }: Uint8Array): void => {
  if (buffer instanceof ArrayBuffer && byteLength > 0 && buffer.byteLength === byteLength) buffer.transfer(0);
};

/** Milliseconds of a turn of the event loop for releases. A block of 1 MB takes about 0.06 ms. */
const freeMs = 3;

const waiting: Uint8Array[] = [];
let isScheduled = false;

const freeInTurn = (): void => {
  const began = performance.now();
  const left = Math.floor(waiting.length / 2);
  while (waiting.length > left || (waiting.length > 0 && performance.now() - began < freeMs)) freeBytes(waiting.pop()!);
  isScheduled = waiting.length > 0;
  if (isScheduled) setImmediate(freeInTurn);
};

/**
 * Releases the memory of large bytes in the next turns of the event loop, because the present one has other work. Each turn releases half of
 * all that waits, or more in 3 ms: with a time alone, a flood of refused bodies left 2 GB waiting, because its turns were few and long.
 */
export const freeLater = (pieces: readonly Uint8Array[]): void => {
  for (const piece of pieces) waiting.push(piece);
  if (isScheduled || pieces.length === 0) return;
  isScheduled = true;
  setImmediate(freeInTurn);
};
