import type { IncomingMessage } from 'node:http';

/** So many requests start in a turn of the event loop without a look at the clock. */
const uncountedStarts = 8;
/** After them, requests start in the same turn for at most this time. A request with a token takes about 0.2 ms of it. */
const startsMs = 5;
/**
 * Share of a turn for the start of waiting requests, if that is more. Other work makes turns long, and with a fixed time more
 * requests would come in a turn than start in it.
 */
const startsShare = 0.5;
/** Max waiting requests that start in one turn. */
const maxStarts = 128;

export type FairStartsOptions = {
  /** The client of a request, such as its address. Waiting clients take turns. */
  readonly clientOf: (request: IncomingMessage) => string;
  /** Called right before the start of a request that waited for a later turn of the event loop, with the time it waited. */
  readonly onWaited?: ((request: IncomingMessage, milliseconds: number) => void) | undefined;
};

export type FairStarts = Pick<FairStartsOptions, 'clientOf'> & {
  /** Starts a request, in a later turn of the event loop if many have started in this one. */
  readonly soon: (request: IncomingMessage, start: () => void) => void;
  /** Starts a request in a later turn. */
  readonly later: (request: IncomingMessage, start: () => void) => void;
  /**
   * Calls `done` when as many requests have started as wait now: at once if none waits. So it takes the time that a request
   * of a usual client waits to start, which is part of the lag of the service.
   */
  readonly afterWaiting: (done: () => void) => void;
};

/** Taken places at the front of the order, before they are removed. */
const maxTaken = 1_024;

/** The works of all clients, which take turns. */
const createQueue = () => {
  const byClient = new Map<string, (() => void)[]>();
  /** The clients with works, from `next` on. An array, because the first entry of a map with many removed ones is slow to find. */
  let order: string[] = [];
  let next = 0;
  let size = 0;
  let taken = 0;
  return {
    size: () => size,
    /** Works that were taken since the start of the process. */
    taken: () => taken,
    add: (client: string, start: () => void): void => {
      const starts = byClient.get(client);
      if (starts === undefined) {
        byClient.set(client, [start]);
        order.push(client);
      } else starts.push(start);
      size += 1;
    },
    /** The oldest work of the client whose turn it is. The queue must not be empty. */
    take: (): (() => void) => {
      const client = order[next]!;
      next += 1;
      const starts = byClient.get(client)!;
      const start = starts.shift()!;
      if (starts.length > 0) order.push(client);
      else byClient.delete(client);
      if (next === order.length || (next >= maxTaken && next * 2 >= order.length)) {
        order = order.slice(next);
        next = 0;
      }
      size -= 1;
      taken += 1;
      return start;
    },
  };
};

/**
 * Runs works in immediates, several in each turn of the event loop. Each has an immediate of its own, because Node ends the
 * work of one, with its promises, before the next one.
 */
const createLaterTurns = (queue: ReturnType<typeof createQueue>) => {
  /** Immediates of the next turn, and those of the present one that have not run. */
  let scheduled = 0;
  /** Those of the present turn that have not run. */
  let left = 0;
  /** When the first immediate of the next turn was scheduled, which is about a turn before it runs. */
  let scheduledAt = 0;
  let endAt = 0;

  const startInTurn = (): void => {
    const now = performance.now();
    if (left === 0) {
      left = scheduled;
      endAt = now + Math.max(startsMs, (now - scheduledAt) * startsShare);
    }
    left -= 1;
    scheduled -= 1;
    if (now < endAt) queue.take()();
    schedule();
  };

  const schedule = (): void => {
    const wanted = Math.min(queue.size() - left, maxStarts);
    if (scheduled === left && wanted > 0) scheduledAt = performance.now();
    for (; scheduled - left < wanted; scheduled += 1) setImmediate(startInTurn);
  };
  return schedule;
};

/**
 * Limits the time in which requests start in one turn of the event loop, and starts those that wait one client after the
 * other. Node gives the service all requests that have arrived in one turn: 900 of one client held it for 0.2 s, and the
 * requests of other clients came behind them. See docs/decisions/0277.
 */
export const createFairStarts = ({ clientOf, onWaited }: FairStartsOptions): FairStarts => {
  const queue = createQueue();
  /** Each is called when this number of works was taken. The numbers rise. */
  const marks: { readonly taken: number; readonly done: () => void }[] = [];
  const schedule = createLaterTurns(queue);
  /** Since the last `forget`, which is a turn of the event loop or several with few starts. */
  let started = 0;
  let countedFrom = 0;

  const forget = (): void => {
    started = 0;
  };

  const later = (request: IncomingMessage, start: () => void): void => {
    const since = performance.now();
    queue.add(clientOf(request), () => {
      onWaited?.(request, performance.now() - since);
      while (marks.length > 0 && marks[0]!.taken <= queue.taken()) marks.shift()!.done();
      start();
    });
    schedule();
  };

  return {
    clientOf,
    soon: (request, start) => {
      started += 1;
      // An immediate for each turn would cost time, and most turns have few requests.
      if (started === uncountedStarts) {
        countedFrom = performance.now();
        setImmediate(forget);
      }
      const isLate = started > uncountedStarts && performance.now() - countedFrom >= startsMs;
      if (queue.size() === 0 && !isLate) {
        start();
        return;
      }
      later(request, start);
    },
    later,
    afterWaiting: (done) => {
      if (queue.size() === 0) done();
      else marks.push({ taken: queue.taken() + queue.size(), done });
    },
  };
};
