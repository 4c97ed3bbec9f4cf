import { constants, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { AppError, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import { createSend, type Message, type SenderSettings } from './send.ts';

/** A message to send, or that it is not wanted any more. */
export type Request =
  | ({ readonly id: number } & Omit<Message, 'signal'>)
  | { readonly id: number; readonly isAborted: true };

export type Reply =
  | { readonly id: number; readonly status: number }
  | { readonly id: number; readonly code: ErrorCode; readonly detail: string };

// On Linux the priority belongs to a thread. Elsewhere it belongs to the process, which must keep its own. Not the lowest one, because on a busy machine the
// messages would time out.
if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_BELOW_NORMAL);

const send = createSend(workerData as SenderSettings);
const running = new Map<number, AbortController>();

const replyTo = async (id: number, message: Omit<Message, 'signal'>): Promise<Reply> => {
  const stop = new AbortController();
  running.set(id, stop);
  try {
    return { id, status: await send({ ...message, signal: stop.signal }) };
  } catch (error) {
    const { code, message: detail } =
      error instanceof AppError ? error : new AppError('external_api_unavailable', 'The receiver cannot be reached');
    return { id, code, detail };
  } finally {
    running.delete(id);
  }
};

parentPort!.on('message', (request: Request) => {
  if ('isAborted' in request) running.get(request.id)?.abort();
  else void replyTo(request.id, request).then((reply) => parentPort!.postMessage(reply, []));
});
