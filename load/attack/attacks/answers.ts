import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Outcome } from '../tally.ts';

/** Max time for the answers, in milliseconds. */
const answerMs = 20_000;

/**
 * Collects the statuses of the answers until the service closes the connection, and closes it. Each of the `expected` answers
 * that is missing is `cut`, or `held` if the service still held the connection at the end. Must be called before the
 * first answer can arrive.
 */
export const answersOf = async (socket: Socket, expected: number, signal: AbortSignal): Promise<Outcome[]> => {
  let text = '';
  socket.setEncoding('latin1').on('data', (piece: string) => (text += piece));
  const ended = AbortSignal.any([signal, AbortSignal.timeout(answerMs)]);
  const missing = await once(socket, 'close', { signal: ended }).then(
    () => 'cut' as const,
    () => 'held' as const,
  );
  socket.destroy();
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  return [...statuses, ...Array.from({ length: expected - statuses.length }, () => missing)];
};
