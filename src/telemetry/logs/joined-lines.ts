/**
 * Max time for which a line waits for others. A write costs the service and the thread that writes as much as several
 * lines, and a busy service has tens of lines in this time.
 */
const maxWaitMs = 10;
/** Lines that are longer together are written at once. */
const maxCharacters = 16_384;

export type JoinedLines = {
  /** Adds a line that ends with a line feed. It is written after `maxWaitMs` at the latest. */
  readonly write: (line: string) => void;
  /** Writes the lines that wait. */
  readonly flush: () => void;
};

/** Joins lines, so that one write has several of them. What waits is lost if the process is killed. */
export const joinLines = (write: (text: string) => unknown): JoinedLines => {
  let text = '';
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (text === '') return;
    const joined = text;
    text = '';
    write(joined);
  };
  return {
    write: (line) => {
      text += line;
      if (text.length >= maxCharacters) flush();
      else timer ??= setTimeout(flush, maxWaitMs);
    },
    flush,
  };
};
