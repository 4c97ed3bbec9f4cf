import { countedSite } from '#src/kernel/requests/counted-address.ts';
import { createShares, networkPercent, type Caller, type Refusal, type SharesOptions } from './shares.ts';

/** One unit of the limit of a class. Both functions must be called, in this order. */
export type Slot = {
  /**
   * The work has ended, so another request may use the slot. A client that reads slowly must not block other requests.
   */
  readonly workEnded: () => void;
  /** The answer was sent, or its connection was closed. Until then the slot counts against its caller. */
  readonly answerEnded: () => void;
};

/** Max slots of a class beyond its limit, for networks without a request in progress. Each network of an attack can hold slots for minutes. */
const maxExtra = 64;
/**
 * Max further slots for networks that held little recently, because clients often send a request before the answer to the last one. They are
 * apart from those of newcomers: networks that hold several slots must not take those of networks that hold none.
 */
const maxOverlapping = 16;
/** Percent of these slots for one network. */
const overlappingPercent = 25;
/** Part of the limit, 4 of 64, that a network which gets one may hold, with its average of the last time. */
const fewSlots = 1 / 16;

/**
 * The slots of one class. Callers have shares, and so have networks: one address can have many accounts, each of which is a caller
 * of its own.
 */
export const createSlots = (limit: number, callerPercent: number, { now }: Pick<SharesOptions, 'now'> = {}) => {
  const extra = Math.min(limit, maxExtra);
  const clock = now && { now };
  const byCaller = createShares({ limit, callerPercent, minAmount: 1, extra, ...clock });
  const percent = Math.max(callerPercent, networkPercent);
  const byNetwork = createShares({ limit, callerPercent: percent, minAmount: 1, extra, ...clock });
  const overlappingLimit = Math.min(maxOverlapping, Math.floor(limit / 4));
  const overlapping = createShares({
    limit: overlappingLimit,
    callerPercent: overlappingPercent,
    minAmount: 1,
    ...clock,
  });
  /**
   * The fewer of these slots are free, the less the caller and the network may have held recently of all slots. So neither networks that hold slots
   * for seconds take them, nor an account that has requests from many networks.
   */
  const mayOverlap = (key: string, network: string): boolean => {
    const maxUse = limit * fewSlots;
    if (byNetwork.use(network) > maxUse || byCaller.use(key) > maxUse) return false;
    const recent = Math.max(byNetwork.recent(network), byCaller.recent(key));
    return overlapping.check(network) === undefined && recent <= (1 - overlapping.total() / overlappingLimit) ** 2;
  };
  /** The refusal, unless a slot for overlapping requests is free for the caller. */
  const refusalOf = (key: string, network: string, refusal: Refusal | undefined): Refusal | undefined =>
    refusal !== undefined && mayOverlap(key, network) ? undefined : refusal;

  const takeOverlapping = (key: string, network: string): Slot => {
    overlapping.takeFreed(network);
    byCaller.holdElsewhere(key);
    byNetwork.holdElsewhere(network);
    return {
      workEnded: () => overlapping.free(),
      answerEnded: () => {
        overlapping.forget(network);
        byCaller.forget(key);
        byNetwork.forget(network);
      },
    };
  };

  return {
    isFull: () => byCaller.total() >= limit + extra,
    check: ({ key, clientIp }: Caller): Refusal | undefined => {
      const network = countedSite(clientIp);
      return refusalOf(key, network, byCaller.check(key) ?? byNetwork.check(network));
    },
    /** @returns the slot, or why there is none */
    take: ({ key, clientIp }: Caller): Slot | Refusal => {
      const network = countedSite(clientIp);
      const refusal = byNetwork.check(network) ?? byCaller.check(key);
      if (refusal !== undefined) return refusalOf(key, network, refusal) ?? takeOverlapping(key, network);
      byCaller.takeFreed(key);
      byNetwork.takeFreed(network);
      return {
        workEnded: () => {
          byCaller.free();
          byNetwork.free();
        },
        answerEnded: () => {
          byCaller.forget(key);
          byNetwork.forget(network);
        },
      };
    },
  };
};
