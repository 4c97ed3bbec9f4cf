import { countedSite } from '#src/kernel/requests/counted-address.ts';
import { createShares, type Caller, type Refusal, type SharesOptions } from '../shares.ts';

/** The place of a body that arrives. */
export type BodyPlace = { readonly leave: () => void };

export type BodyPlaces = {
  /** @param onDisplaced called when a body of another network takes the place @returns the place, or why there is none */
  readonly take: (caller: Caller, onDisplaced: () => void) => BodyPlace | Refusal;
  readonly total: () => number;
};

/**
 * Divides the number of bodies that arrive at once. A body above the min rate may take as long as a request, so bodies of a few networks
 * could hold all places. Where the shares of callers leave no place, the network with most bodies gives up its oldest one, if it has
 * at least two more than the network of the new body.
 */
export const createBodyPlaces = (options: SharesOptions): BodyPlaces => {
  const shares = createShares(options);
  /** The bodies of each network, the oldest first. */
  const byNetwork = new Map<string, Set<() => void>>();

  /** The oldest body of the network with most bodies, if these are more than `least`. */
  const oldestOfMost = (least: number): (() => void) | undefined => {
    let most: ReadonlySet<() => void> | undefined;
    for (const bodies of byNetwork.values()) if (bodies.size > (most?.size ?? least)) most = bodies;
    const [oldest] = most ?? [];
    return oldest;
  };

  return {
    total: shares.total,
    take: ({ key, clientIp }, onDisplaced) => {
      const network = countedSite(clientIp);
      const refusal = shares.take(key);
      if (refusal !== undefined) {
        const displace = oldestOfMost((byNetwork.get(network)?.size ?? 0) + 1);
        if (displace === undefined) return refusal;
        displace();
        shares.takeFreed(key);
      }
      const bodies = byNetwork.get(network) ?? new Set();
      byNetwork.set(network, bodies);
      const leave = (): void => {
        if (!bodies.delete(displaced)) return;
        if (bodies.size === 0) byNetwork.delete(network);
        shares.release(key);
      };
      const displaced = (): void => {
        leave();
        onDisplaced();
      };
      bodies.add(displaced);
      return { leave };
    },
  };
};
