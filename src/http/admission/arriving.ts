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
  let failure: { readonly error: unknown } | undefined;
  let ended = false;
  let wake = (): void => {};

  const fail = (error: unknown): void => {
    failure ??= { error };
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
  const broken = (cause: Error): void => fail(incomplete(cause));
  request.pause();
  request.on('data', take).once('end', end).once('close', leave).once('error', broken);
  if (request.closed) leave();

  const read = async function* (): AsyncGenerator<Buffer, void, undefined> {
    while (true) {
      if (failure) throw failure.error;
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
    fail,
    close: () => {
      request.off('data', take).off('end', end).off('close', leave).off('error', broken);
      // A stream without a listener would throw an error that comes later.
      request.on('error', () => {});
      // A flowing stream without a listener would read and discard data as long as the client sends.
      if (!request.readableEnded) request.pause();
    },
  };
};
