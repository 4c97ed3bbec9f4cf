import type { Socket } from 'node:net';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { countedAddress } from '#src/kernel/requests/counted-address.ts';

export type ConnectionLimitDeps = {
  /** Max open connections of one address; of IPv6 the addresses of one /64 network count together. */
  readonly maxByAddress: number;
  /** A proxy has the connections of many clients. */
  readonly isTrustedProxy: (address: string) => boolean;
  readonly metrics: Metrics;
};

export type ConnectionLimit = {
  /** For the event `connection`. Closes the connection at once if its address has too many. */
  readonly admit: (socket: Socket) => void;
  /** For the event `drop`: the server refused a connection because all together are too many. */
  readonly dropped: () => void;
};

/** Bounds the connections of an address, because each one holds a file descriptor of the process while it is idle. */
export const createConnectionLimit = ({
  maxByAddress,
  isTrustedProxy,
  metrics,
}: ConnectionLimitDeps): ConnectionLimit => {
  const open = new Map<string, number>();
  // A rule on the increase of a counter does not see its first value.
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
