/** A piece of this size or more is given on as it is. Also the max size of a block of a body that nobody reads yet. */
export const largeBytes = 4_096;
const firstBlockBytes = 1_024;
const usualBlockBytes = 65_536;

export type Blocks = {
  readonly write: (piece: Buffer) => void;
  /** Must be called at the end. */
  readonly flush: () => void;
};

/**
 * Copies small pieces of a body into blocks. A Buffer takes several hundred bytes of memory, whatever its length, so a
 * body that is kept in pieces of one byte would take hundreds of times its size.
 * @param emit gets the bytes in their order, in pieces of any size
 * @param maxBlockBytes max bytes that wait in a block
 */
export const createBlocks = (emit: (piece: Buffer) => void, maxBlockBytes = usualBlockBytes): Blocks => {
  let block: Buffer | undefined;
  let used = 0;
  /** The first small piece is not copied before a second one follows, because most bodies have only one. */
  let isOwn = false;

  const flush = (): void => {
    if (block === undefined) return;
    const piece = used === block.length ? block : block.subarray(0, used);
    block = undefined;
    used = 0;
    isOwn = false;
    emit(piece);
  };

  /** Makes room for `more` bytes. The block grows by doubling. */
  const reserve = (current: Buffer, more: number): Buffer => {
    const needed = used + more;
    if (isOwn && needed <= current.length) return current;
    const grown = Buffer.allocUnsafeSlow(Math.min(maxBlockBytes, Math.max(firstBlockBytes, 2 * needed)));
    current.copy(grown, 0, 0, used);
    isOwn = true;
    return grown;
  };

  return {
    write: (piece) => {
      if (block !== undefined && (piece.length >= largeBytes || used + piece.length > maxBlockBytes)) flush();
      if (piece.length >= largeBytes) {
        emit(piece);
        return;
      }
      if (block === undefined) {
        block = piece;
      } else {
        block = reserve(block, piece.length);
        piece.copy(block, used);
      }
      used += piece.length;
    },
    flush,
  };
};
