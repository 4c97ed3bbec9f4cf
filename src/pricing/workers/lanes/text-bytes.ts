import { isAscii } from 'node:buffer';

/** Size of a text that is never too much beside others. A batch of 1,000 options has 100 KB. */
export const smallTextBytes = 256 * 2 ** 10;
/**
 * Max `parsedBytes` of the tasks that a process has at the same time, without small ones. A parsed text takes up to ten times its bytes. A larger
 * one is alone in its process, and has one of the places of `large-texts.ts`.
 */
export const maxParsedBytes = 12 * 2 ** 20;

const backslashByte = 0x5c;

/**
 * Whether texts of the body may have characters beyond Latin-1, by characters outside of ASCII or by escapes. One of them makes each character of
 * its text two bytes in memory. Any escape counts, because a search for two bytes looks at each backslash: 12 MiB of them took up to 0.2 s of the
 * event loop of the service. One for one byte takes at most a millisecond.
 */
const mayHaveWideTexts = (blocks: readonly Uint8Array[]): boolean =>
  blocks.some(
    (block) => !isAscii(block) || Buffer.from(block.buffer, block.byteOffset, block.byteLength).includes(backslashByte),
  );

/**
 * What counts of the bytes of an Arrow stream: the first ones as those of a JSON text, because many small batches take 13 times their bytes, up to 20 MB, and
 * half of the others, because texts take five times their bytes, up to 40 MB, and columns of bytes nine times.
 */
const startOfArrow = 2 * 2 ** 20;
const shareOfArrow = 0.5;

/**
 * The bytes that count for the memory of a body in a pricing process, which is up to ten times as much. JSON with wide texts counts twice. A larger text
 * is alone in any case, so it is not searched for them.
 */
export const parsedBytesOf = (
  input: 'json' | 'arrow' | 'quotes' | 'closes',
  { byteLength, blocks }: { readonly byteLength: number; readonly blocks: readonly Uint8Array[] },
): number => {
  // Closes are numbers that the service has written.
  if (input === 'closes') return 0;
  if (input !== 'arrow') {
    const mayBecomeAlone = byteLength > smallTextBytes && byteLength <= maxParsedBytes;
    return mayBecomeAlone && mayHaveWideTexts(blocks) ? 2 * byteLength : byteLength;
  }
  return Math.min(byteLength, startOfArrow) + shareOfArrow * Math.max(0, byteLength - startOfArrow);
};
