import type { Steps } from '../streams/turns.ts';

/** Max rows of a step. To read a text takes up to 1 us, so a step takes some milliseconds at most. */
const maxRows = 4_096;
/** What a part costs beside its rows, in rows. */
const rowsOfPart = 64;

/**
 * Reads the rows of all parts in steps.
 * @param open returns what reads the rows from `start` on and before `end` of a part; `position` is that of its first row in all parts
 */
export const inRowSteps = function* <Part extends { readonly length: number }>(
  parts: readonly Part[],
  open: (part: Part, position: number) => (start: number, end: number) => void,
): Steps {
  let position = 0;
  let done = 0;
  for (const part of parts) {
    const read = open(part, position);
    for (let start = 0; start < part.length; start += maxRows) {
      const end = Math.min(start + maxRows, part.length);
      read(start, end);
      done += end - start + rowsOfPart;
      if (done < maxRows) continue;
      done = 0;
      yield;
    }
    position += part.length;
  }
};
