import { AppError } from '#src/kernel/catalogue/errors.ts';
import { createRecentUse } from '#src/kernel/requests/callers/recent-use.ts';
import { connectTimeout } from './connect-timeout.ts';
import { waitInQueue, type Queue, type QueueWait } from './wait-in-queue.ts';

export type NetworkTurnsOptions = {
  readonly poolMax: number;
  /** Max connections that the requests of one network hold at a time. */
  readonly maxPerNetwork: number;
  /** Called for each request that got no connection in time because its network holds as many as it may. */
  readonly onTimeout: () => void;
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number;
};

type Member = {
  readonly network: string;
  readonly caller: string;
  /** Aborts when the request needs no connection any more. */
  readonly signal: AbortSignal;
};

export type NetworkTurns = {
  /**
   * Waits until a connection of the pool is free for this request.
   * @param member undefined: work of the service itself
   * @returns ends the turn; must be called once
   * @throws AppError `database_pool_exhausted` if only the limit of the network was in the way; otherwise the error of a connect timeout.
   *   When `signal` aborts, the AppError that it aborts with, or `database_pool_exhausted`
   */
  readonly enter: (member: Member | undefined, timeoutMs: number) => Promise<() => void>;
  /** @returns how many wait */
  readonly waiting: () => number;
};

/** `callers`: the queues, in the order of their turns. */
type Network = { held: number; readonly callers: Map<string, Queue> };

/** `isLater`: it is one of the larger networks that wait for several connections. */
type Candidate = { readonly name: string; readonly network: Network; readonly load: number; readonly isLater: boolean };

/** The network must have a caller who waits. */
const waitsForSeveral = ({ callers }: Network): boolean => {
  const [queue] = callers.values();
  return callers.size > 1 || queue!.size > 1;
};

const exhausted = (): AppError => {
  const detail = 'Too many requests of this network use the database';
  return new AppError('database_pool_exhausted', detail, { retryAfter: 1 });
};

/** A network with at most this share of the mean recent use of those that hold or wait comes before those with more. */
const smallShare = 0.5;
/** Connections that such a network may hold and still come first, because a client has a few requests at a time. */
const maxHeldOfSmall = 1;
/**
 * Connections that two larger networks had on average: a smaller difference, as of one connection for 12 s, is no reason to prefer one. Otherwise a
 * client with one slow request would wait behind 50 networks that have many short ones.
 */
const minDifference = 0.25;
const isLess = (load: number, than: Candidate | undefined): boolean =>
  than === undefined || load < than.load - minDifference;
/** Small networks come before larger ones, whose load is at least 0. Those of the same rank take turns. */
const rankOfSmall = { single: -2, several: -1 } as const;
/**
 * Of the larger networks, those that wait for several connections come behind those that wait for a single one, as in the first seconds of a burst, when no network has much recent
 * use. Each third connection is for them, because an office would otherwise get none beside many networks with one request at a time.
 */
const startsPerSeveral = 3;

/**
 * Decides who gets the next connection of a pool. It is a network with much less recent use than the others, otherwise the one that holds and recently held the
 * fewest. One that waits for a single connection comes before one that waits for several, except for each third connection. The callers of a network take turns.
 * When work of the service waits too (jobs, polls, locks), it gets every other connection. See docs/decisions/0323.
 */
export const createNetworkTurns = (options: NetworkTurnsOptions): NetworkTurns => {
  const { poolMax, maxPerNetwork, onTimeout, now = () => performance.now() } = options;
  /** Those that hold or wait. */
  const networks = new Map<string, Network>();
  const service: Queue = new Set();
  const recent = createRecentUse({ now });
  let used = 0;
  let waiting = 0;
  let lastWasService = false;
  /** Connections for networks since the last one for a larger network that waits for several. */
  let sinceLater = 0;

  const hold = (name: string, network: Network, change: 1 | -1): void => {
    network.held += change;
    recent.hold(name, network.held);
  };

  /** Networks with equal use take turns: one comes after those that have waited since its last turn. */
  const goBehind = (name: string, network: Network): void => {
    networks.delete(name);
    networks.set(name, network);
  };

  const forgetIfIdle = (name: string, network: Network): void => {
    if (network.held === 0 && network.callers.size === 0 && networks.get(name) === network) networks.delete(name);
  };

  const chosenOf = (first: Candidate | undefined, later: Candidate | undefined): Candidate | undefined => {
    const isTurnOfLater = first === undefined || (first.load >= 0 && sinceLater + 1 >= startsPerSeveral);
    return isTurnOfLater ? (later ?? first) : first;
  };

  const nextNetwork = (): Candidate | undefined => {
    let first: Candidate | undefined;
    let later: Candidate | undefined;
    const loads = new Map<string, number>();
    let sum = 0;
    for (const name of networks.keys()) {
      const load = recent.sinceKnown(name);
      loads.set(name, load);
      sum += load;
    }
    const smallLoad = (smallShare * sum) / networks.size;
    for (const [name, network] of networks) {
      if (network.callers.size === 0 || network.held >= maxPerNetwork) continue;
      const recentLoad = loads.get(name)!;
      const isSmall = recentLoad <= smallLoad && network.held <= maxHeldOfSmall;
      const isSeveral = waitsForSeveral(network);
      const smallRank = isSeveral ? rankOfSmall.several : rankOfSmall.single;
      const load = isSmall ? smallRank : network.held + recentLoad;
      const isLater = isSeveral && !isSmall;
      if (!isLess(load, isLater ? later : first)) continue;
      if (isLater) later = { name, network, load, isLater };
      else first = { name, network, load, isLater };
    }
    return chosenOf(first, later);
  };

  const startOf = (name: string, network: Network): void => {
    const [[caller, queue]] = network.callers as Iterable<[string, Queue]> as [[string, Queue]];
    const [start] = queue as Iterable<() => void> as [() => void];
    queue.delete(start);
    // The caller goes behind the others of its network.
    network.callers.delete(caller);
    if (queue.size > 0) network.callers.set(caller, queue);
    goBehind(name, network);
    hold(name, network, 1);
    start();
  };

  /** Is called after each end of a turn, so at most one request can start. */
  const startNext = (): void => {
    const next = nextNetwork();
    const [start] = service;
    lastWasService = start !== undefined && (next === undefined || !lastWasService);
    if (start !== undefined && lastWasService) {
      used += 1;
      service.delete(start);
      start();
    } else if (next !== undefined) {
      used += 1;
      sinceLater = next.isLater ? 0 : sinceLater + 1;
      startOf(next.name, next.network);
    }
  };

  const wait = async (queue: Queue, options: Omit<QueueWait, 'aborted'>): Promise<void> => {
    waiting += 1;
    try {
      await waitInQueue(queue, { ...options, aborted: exhausted });
    } finally {
      waiting -= 1;
    }
  };

  const enterService = async (timeoutMs: number): Promise<() => void> => {
    if (used < poolMax) used += 1;
    else await wait(service, { timeoutMs, signal: undefined, expired: connectTimeout });
    return () => {
      used -= 1;
      startNext();
    };
  };

  const enterNetwork = async ({ network: name, caller, signal }: Member, timeoutMs: number): Promise<() => void> => {
    const network = networks.get(name) ?? { held: 0, callers: new Map<string, Queue>() };
    networks.set(name, network);
    // While a connection is free, only those wait whose network holds its max.
    if (used < poolMax && network.held < maxPerNetwork) {
      used += 1;
      hold(name, network, 1);
    } else {
      const queue: Queue = network.callers.get(caller) ?? new Set();
      network.callers.set(caller, queue);
      const expired = (): Error => {
        if (network.held >= maxPerNetwork) onTimeout();
        return used >= poolMax ? connectTimeout() : exhausted();
      };
      const onGiveUp = (): void => {
        if (queue.size === 0) network.callers.delete(caller);
        forgetIfIdle(name, network);
      };
      await wait(queue, { timeoutMs, signal, expired, onGiveUp });
    }
    return () => {
      used -= 1;
      hold(name, network, -1);
      goBehind(name, network);
      forgetIfIdle(name, network);
      startNext();
    };
  };

  return {
    enter: (member, timeoutMs) => (member === undefined ? enterService(timeoutMs) : enterNetwork(member, timeoutMs)),
    waiting: () => waiting,
  };
};
