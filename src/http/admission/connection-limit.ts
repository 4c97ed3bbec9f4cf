import type { Socket } from 'node:net';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { countedAddress } from '#src/kernel/requests/counted-address.ts';

export type ConnectionLimitDeps = {
  /** Max open connections of one address. IPv6 addresses of one /64 network count as one address. */
  readonly maxByAddress: number;
  /** A trusted proxy has no limit, because its connections belong to many clients. */
  readonly isTrustedProxy: (address: string) => boolean;
  readonly metrics: Metrics;
};

export type ConnectionLimit = {
  /** Handler of the event `connection`. Closes the connection at once if its address has too many connections. */
  readonly admit: (socket: Socket) => void;
  /**
   * Handler of the event `drop`: the server refused a connection because the total number of connections is at its
   * limit.
   */
  readonly dropped: () => void;
};

/** Limits the connections per address, because each connection holds a file descriptor, also while it is idle. */
export const createConnectionLimit = ({
  maxByAddress,
  isTrustedProxy,
  metrics,
}: ConnectionLimitDeps): ConnectionLimit => {
  const open = new Map<string, number>();
  // Starts each counter at 0, because an alert rule on the increase does not see the first value of a counter.
  for (const reason of ['total', 'address'] as const) {
    metrics.count('volwatch_http_connections_refused_total', { reason }, 0);
  }
  return {
    admit: (socket) => {
      const { remoteAddress = '' } = socket;
      if (isTrustedProxy(remoteAddress)) return;
      const address = countedAddress(remoteAddress);
      const count = (open.get(address) ?? 0) + 1;
      if (count > maxByAddress) {
        metrics.count('volwatch_http_connections_refused_total', { reason: 'address' });
        socket.destroy();
        return;
      }
      open.set(address, count);
      socket.once('close', () => {
        const rest = (open.get(address) ?? 0) - 1;
        if (rest > 0) open.set(address, rest);
        else open.delete(address);
      });
    },
    dropped: () => metrics.count('volwatch_http_connections_refused_total', { reason: 'total' }),
  };
};
