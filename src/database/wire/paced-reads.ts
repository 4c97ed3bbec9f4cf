import type { Connection } from 'pg';

/**
 * Bytes of answers that a connection parses in one turn of the event loop, and what has arrived with them. Node reads up to 2 MB in
 * a turn, and pg parses all of it: a page of 1,000 records was 10 ms. 64 KB are one read, about 700 rows of prices or 2 ms.
 */
const bytesOfTurn = 65_536;

/**
 * Gives the event loop a turn when a connection has parsed many bytes. Answers that are smaller are not affected, and TCP makes
 * the server wait meanwhile.
 */
export const paceReads = (stream: Pick<Connection['stream'], 'on' | 'pause' | 'resume'>): void => {
  let bytes = 0;
  let isWaiting = false;
  const nextTurn = (): void => {
    bytes = 0;
    isWaiting = false;
    stream.resume();
  };
  stream.on('data', (piece: Buffer) => {
    bytes += piece.length;
    if (bytes < bytesOfTurn || isWaiting) return;
    isWaiting = true;
    stream.pause();
    setImmediate(nextTurn);
  });
};
