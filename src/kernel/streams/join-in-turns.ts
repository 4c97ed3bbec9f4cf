import { freeBytes } from './free-bytes.ts';
import { createTurns, type TurnsOptions } from './turns.ts';

/**
 * Joins pieces and releases each of them. A copy of 64 MB takes 60 ms, mostly for new pages of memory, so the event loop
 * gets turns.
 */
export const joinInTurns = async (pieces: readonly Uint8Array[], options: TurnsOptions = {}): Promise<Buffer> => {
  const joined = Buffer.allocUnsafeSlow(pieces.reduce((sum, { length }) => sum + length, 0));
  const turns = createTurns(options);
  let at = 0;
  for (const piece of pieces) {
    const turn = turns.give();
    if (turn) await turn;
    joined.set(piece, at);
    at += piece.length;
    freeBytes(piece);
  }
  return joined;
};
