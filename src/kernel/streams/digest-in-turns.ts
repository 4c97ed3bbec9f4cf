import { createHash, type BinaryToTextEncoding } from 'node:crypto';
import type { Turns } from './turns.ts';

/** Bytes between two turns of the event loop, about 0.5 ms. `crypto.subtle.digest` would copy all bytes in one step. */
const partBytes = 262_144;

/** Hashes bytes, and gives the event loop turns meanwhile. @throws what `turns` throws */
export const digestInTurns = async (
  blocks: readonly Uint8Array[],
  { algorithm, encoding }: { readonly algorithm: 'sha1' | 'sha256'; readonly encoding: BinaryToTextEncoding },
  turns: Turns,
): Promise<string> => {
  const hash = createHash(algorithm);
  for (const block of blocks) {
    for (let start = 0; start < block.byteLength; start += partBytes) {
      const turn = turns.give();
      if (turn) await turn;
      hash.update(block.subarray(start, start + partBytes));
    }
  }
  return hash.digest(encoding);
};
