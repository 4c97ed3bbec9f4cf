import { AppError } from '#src/kernel/catalogue/errors.ts';

/** Max characters of a line. A file without line ends must not fill the memory. */
export const maxLineCharacters = 65_536;

/**
 * Max lines of a file without a record. A compressed file of 256 MiB of line ends is small, and each line costs time on the
 * event loop.
 */
const maxBlankLines = 10_000;

/** @returns counts lines without a record; it throws AppError `malformed_body` above the limit */
export const createBlankLines = (): ((count: number) => void) => {
  let total = 0;
  return (count) => {
    total += count;
    if (total <= maxBlankLines) return;
    throw new AppError('malformed_body', `The file has more than ${maxBlankLines} empty lines: remove them`, {
      abuse: 'body_structure',
    });
  };
};

const utf16 = [
  [0xff, 0xfe],
  [0xfe, 0xff],
] as const;

/**
 * The text of a file, cut after line ends. Each text has one or more whole lines; the last one may lack its line end. A
 * byte order mark is removed. Bytes that are not UTF-8 become U+FFFD, which no value accepts.
 * @throws AppError `malformed_body`
 */
export const wholeLines = async function* (pieces: AsyncIterable<Buffer>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder('utf-8');
  let rest = '';
  let isFirst = true;
  for await (const piece of pieces) {
    if (isFirst && utf16.some(([first, second]) => piece[0] === first && piece[1] === second)) {
      throw new AppError('malformed_body', 'The file is UTF-16: save it as UTF-8');
    }
    isFirst = false;
    // Only the new text is searched, so that the work does not depend on the size of the pieces.
    const text = decoder.decode(piece, { stream: true });
    const end = text.lastIndexOf('\n') + 1;
    const lines = end > 0 ? rest + text.slice(0, end) : '';
    rest = end > 0 ? text.slice(end) : rest + text;
    if (rest.length > maxLineCharacters) {
      throw new AppError('malformed_body', `A line may have at most ${maxLineCharacters} characters`);
    }
    if (lines !== '') yield lines;
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
};
