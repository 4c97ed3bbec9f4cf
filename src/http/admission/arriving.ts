import type { IncomingMessage } from 'node:http';
import { incomplete } from './receive.ts';

type ArrivingOptions = {
  /** Called for each piece that arrives. */
  readonly arrived: (bytes: number) => void;
  /** Called with true while the next piece is awaited, and with false while the client must wait. */
  readonly awaited: (isAwaited: boolean) => void;
};

export type Arriving = {
  /** The pieces of the body. The request is paused while no piece is awaited. */
  readonly pieces: AsyncGenerator<Buffer, void, undefined>;
  /** Aborted with the error that ends the pieces. */
  readonly signal: AbortSignal;
  /** Ends the pieces with this error. */
  readonly fail: (error: unknown) => void;
  /** Stops to listen. Must be called. */
  readonly close: () => void;
};

/**
 * Reads a request piece by piece, with a queue of one piece. An iterator of the request itself would destroy the
 * connection after an error, and the client would get no answer.
 */
export const arriving = (request: IncomingMessage, { arrived, awaited }: ArrivingOptions): Arriving => {
  const queue: Buffer[] = [];
  const failure = new AbortController();
  let ended = false;
  let wake = (): void => {};

  const fail = (error: unknown): void => {
    failure.abort(error);
    request.pause();
    wake();
  };
  const take = (piece: Buffer): void => {
    arrived(piece.length);
    queue.push(piece);
    request.pause();
    wake();
  };
  const end = (): void => {
    ended = true;
    wake();
  };
  const leave = (): void => {
    if (!ended) fail(incomplete(new Error('closed early')));
  };
  // After its end the request closes without the client. A client that has left gets no answer, so its file is not read on.
  const gone = (): void => fail(incomplete(new Error('The client has left')));
  const broken = (cause: Error): void => fail(incomplete(cause));
  request.pause();
  request.on('data', take).once('end', end).once('close', leave).once('error', broken);
  request.socket.once('close', gone);
  if (request.closed) leave();
  if (request.socket.destroyed) gone();

  const read = async function* (): AsyncGenerator<Buffer, void, undefined> {
    while (true) {
      failure.signal.throwIfAborted();
      const piece = queue.shift();
      if (piece !== undefined) yield piece;
      else if (ended) return;
      else {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        awaited(true);
        request.resume();
        await promise;
        awaited(false);
      }
    }
  };

  return {
    pieces: read(),
    signal: failure.signal,
    fail,
    close: () => {
      request.socket.off('close', gone);
      request.off('data', take).off('end', end).off('close', leave).off('error', broken);
      // A stream without a listener would throw an error that comes later.
      request.on('error', () => {});
      // A flowing stream without a listener would read and discard data as long as the client sends.
      if (!request.readableEnded) request.pause();
    },
  };
};
