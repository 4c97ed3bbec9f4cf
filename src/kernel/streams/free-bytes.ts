/**
 * Releases the memory of bytes that nobody reads any more. The garbage collector alone would keep it until a collection,
 * and bytes outside the heap make V8 collect the whole heap early (docs/decisions/0093). Bytes that share their memory
 * with others are not released, and bytes that were released already stay so.
 */
export const freeBytes = ({ buffer, byteLength }: Uint8Array): void => {
  if (buffer instanceof ArrayBuffer && byteLength > 0 && buffer.byteLength === byteLength) buffer.transfer(0);
};
