import { Worker } from 'node:worker_threads';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import { assertOutsideTransaction } from '#src/kernel/ports/unit-of-work.ts';
import type { Send, SenderSettings } from './send.ts';
import type { Reply, Request } from './sender-thread.ts';

export type SenderDeps = Omit<SenderSettings, 'resolver'> & { readonly logger: Logger };

export type Sender = {
  readonly send: Send;
  /** Ends the thread. Messages that it sends fail. */
  readonly close: () => Promise<void>;
};

/** The thread ends each message by its timeout. This is for a thread that is busy with other messages. */
const backstopMs = 5_000;

type Waiting = Pick<PromiseWithResolvers<number>, 'resolve' | 'reject'>;

const reasonOf = (signal: AbortSignal): Error =>
  signal.reason instanceof Error ? signal.reason : new AppError('shutting_down');

/**
 * Sends messages in a thread with an event loop of its own and a low priority. A receiver can make TLS expensive: with a long chain of certificates with
 * large exponents it takes 0.3 s, and in the event loop of the service all requests would wait for it. The thread starts with the first message.
 */
export const createSender = ({ logger, ...settings }: SenderDeps): Sender => {
  let thread: Worker | undefined;
  let lastId = 0;
  const waiting = new Map<number, Waiting>();

  const failAll = (): void => {
    thread = undefined;
    for (const { reject } of waiting.values()) {
      reject(new AppError('external_api_unavailable', 'The thread that sends messages has ended'));
    }
    waiting.clear();
  };

  const start = (): Worker => {
    // Without streams of its own, the thread would make standard output and standard error of the process non-blocking, and the log would lose lines.
    const options = { workerData: settings, execArgv: [], stdout: true, stderr: true };
    const started = new Worker(new URL('./sender-thread.ts', import.meta.url), options);
    started.stdout.resume();
    started.stderr.resume();
    // Idle, it must not keep the process alive.
    started.unref();
    started.on('message', (reply: Reply) => {
      const found = waiting.get(reply.id);
      waiting.delete(reply.id);
      if ('status' in reply) found?.resolve(reply.status);
      else found?.reject(new AppError(reply.code, reply.detail));
    });
    started.on('error', (err) => logger.error({ err }, 'the thread that sends webhooks has failed'));
    started.on('exit', () => {
      if (thread === started) failAll();
    });
    return started;
  };

  return {
    send: async ({ signal, ...message }) => {
      assertOutsideTransaction('Delivering a webhook');
      signal.throwIfAborted();
      thread ??= start();
      const used = thread;
      const id = (lastId += 1);
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      waiting.set(id, { resolve, reject });
      const giveUp = (error: Error): void => {
        if (!waiting.delete(id)) return;
        used.postMessage({ id, isAborted: true } satisfies Request, []);
        reject(error);
      };
      const abort = (): void => giveUp(reasonOf(signal));
      signal.addEventListener('abort', abort, { once: true });
      const late = (): void => giveUp(new AppError('external_api_timeout', 'The receiver did not answer in time'));
      const timer = setTimeout(late, settings.timeoutMs + backstopMs);
      used.postMessage({ id, ...message } satisfies Request, []);
      try {
        return await promise;
      } finally {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
      }
    },
    close: async () => {
      await thread?.terminate();
    },
  };
};
