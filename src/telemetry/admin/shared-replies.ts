import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../kernel/ports/clock.ts';
import type { AdminReply } from './admin-router.ts';

type Work = {
  /** Runs in turn. A request that arrives before its end shares the reply. Default: nothing. */
  readonly prepare?: (() => Promise<void>) | undefined;
  /** Makes the reply. A request that arrives after its begin gets the next one, because this one is of an earlier time. */
  readonly make: () => Promise<AdminReply>;
};

/** Gives the reply of a kind of request. @throws the errors of the work */
export type SharedReplies<Kind extends string> = (kind: Kind, work: Work) => Promise<AdminReply>;

/** The pause after a reply, as a multiple of the time that it took: replies take at most a fifth of all time. */
const pauseFactor = 4;
/**
 * Max pause in milliseconds. The time of a reply is longer while the process is busy with other work, and metrics are most needed
 * then: without a max, scrapes of a busy service came after their timeout.
 */
const maxPauseMs = 250;

/**
 * Bounds the work of a route that is expensive, whatever the number of its requests: one reply is made at a time, with a pause after
 * it, and requests of a kind that arrive while one waits share the next reply. There must be few kinds.
 */
export const createSharedReplies = <Kind extends string>({
  clock,
}: {
  readonly clock: Pick<Clock, 'monotonic'>;
}): SharedReplies<Kind> => {
  const pending = new Map<Kind, Promise<AdminReply>>();
  let pausedUntil = 0;
  /** One reply at a time, so that the kinds share the pauses. */
  let last: Promise<unknown> = Promise.resolve();

  const inTurn = async (kind: Kind, { prepare, make }: Work, previous: Promise<unknown>): Promise<AdminReply> => {
    await previous;
    try {
      const pauseMs = pausedUntil - clock.monotonic();
      if (pauseMs > 0) await sleep(pauseMs);
      await prepare?.();
    } finally {
      pending.delete(kind);
    }
    const startedAt = clock.monotonic();
    try {
      return await make();
    } finally {
      const endedAt = clock.monotonic();
      pausedUntil = endedAt + Math.min(maxPauseMs, pauseFactor * (endedAt - startedAt));
    }
  };

  return (kind, work) => {
    let reply = pending.get(kind);
    if (reply === undefined) {
      reply = inTurn(kind, work, last);
      pending.set(kind, reply);
      last = reply.catch(() => {});
    }
    return reply;
  };
};
