import { countedSite } from '#src/kernel/requests/counted-address.ts';
import { createShares, networkPercent, type Caller, type Refusal, type SharesOptions } from '../shares.ts';

/** The bytes that one body holds. */
export type HeldBytes = {
  /** Takes bytes, if necessary from bodies of other networks. @returns undefined if they were taken, otherwise the reason */
  readonly take: (bytes: number) => Refusal | undefined;
  /** The body has arrived, so its bytes cannot be taken from it any more. */
  readonly settle: () => void;
  readonly release: () => void;
};

export type BodyMemory = {
  /** @param onDisplaced called when another body takes the bytes, which are released then */
  readonly open: (caller: Caller, onDisplaced: () => void) => HeldBytes;
  /** Returns why a body of this caller cannot hold `bytes` now; undefined if it can. */
  readonly check: (caller: Caller, bytes: number) => Refusal | undefined;
  readonly total: () => number;
};

type Arriving = { readonly network: string; readonly bytes: () => number; readonly displace: () => void };

/**
 * Divides the memory of bodies among callers and among networks, because one address can have many accounts. When there is
 * none left for a body, bodies that are still arriving give theirs up: those of the network that holds most, with what it
 * held recently. A client could else keep its memory for as long as a request may take, with some bytes a second. A
 * network never takes memory from one that uses less than itself. See docs/decisions/0298.
 */
export const createBodyMemory = (options: SharesOptions): BodyMemory => {
  const { callerPercent, extra = 0, minAmount } = options;
  const extraPerCaller = extra > 0 ? (options.extraPerCaller ?? minAmount) : 0;
  const byCaller = createShares(options);
  const byNetwork = createShares({ ...options, callerPercent: Math.max(callerPercent, networkPercent) });
  const arriving = new Set<Arriving>();

  /** @param freed bytes of other networks that would be free too */
  const refusalOf = (key: string, network: string, bytes: number, freed = 0): Refusal | undefined =>
    byCaller.checkWithin(key, bytes, freed) ?? byNetwork.checkWithin(network, bytes, freed);

  /** Bodies that arrive make room first, because the memory beyond the limit is for the case that all bodies have arrived. */
  const extraRefusalOf = (key: string, network: string, bytes: number): Refusal | undefined =>
    byCaller.check(key, bytes) ?? byNetwork.check(network, bytes);

  /**
   * The largest arriving body of the network with the largest use, if that is larger than the use of `network` with `bytes` more, and than
   * what each network may have beyond the limit. None if the memory of all these bodies is not enough, because their clients would lose it
   * for nothing.
   */
  const findOfMaxUse = (key: string, network: string, bytes: number): Arriving | undefined => {
    const uses = new Map<string, number>();
    let found: Arriving | undefined;
    let freed = 0;
    const least = Math.max(byNetwork.use(network) + bytes, extraPerCaller);
    let max = least;
    for (const body of arriving) {
      const use = uses.get(body.network) ?? byNetwork.use(body.network);
      uses.set(body.network, use);
      if (body.network === network || use <= least) continue;
      freed += body.bytes();
      if (use < max || (use === max && found !== undefined && body.bytes() <= found.bytes())) continue;
      found = body;
      max = use;
    }
    return refusalOf(key, network, bytes, freed) === undefined ? found : undefined;
  };

  return {
    total: byCaller.total,
    check: ({ key, clientIp }, bytes) => {
      const network = countedSite(clientIp);
      const refusal = refusalOf(key, network, bytes);
      if (refusal === undefined || findOfMaxUse(key, network, bytes) !== undefined) return undefined;
      return extraRefusalOf(key, network, bytes);
    },
    open: ({ key, clientIp }, onDisplaced) => {
      const network = countedSite(clientIp);
      let held = 0;
      let isArriving = true;
      const settle = (): void => {
        isArriving = false;
        arriving.delete(body);
      };
      const release = (): void => {
        settle();
        if (held === 0) return;
        byCaller.release(key, held);
        byNetwork.release(network, held);
        held = 0;
      };
      const body: Arriving = {
        network,
        bytes: () => held,
        displace: () => {
          release();
          onDisplaced();
        },
      };
      return {
        take: (bytes) => {
          for (;;) {
            const refusal = refusalOf(key, network, bytes);
            if (refusal === undefined) break;
            const other = findOfMaxUse(key, network, bytes);
            if (other === undefined) {
              const last = extraRefusalOf(key, network, bytes);
              if (last !== undefined) return last;
              break;
            }
            other.displace();
          }
          byCaller.takeFreed(key, bytes);
          byNetwork.takeFreed(network, bytes);
          held += bytes;
          if (isArriving) arriving.add(body);
          return undefined;
        },
        settle,
        release,
      };
    },
  };
};
