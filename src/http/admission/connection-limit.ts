import type { Socket } from 'node:net';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { createCounts } from '#src/kernel/counts.ts';
import { createRepeatedLines } from '#src/kernel/logging/repeated-lines.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import { countedAddress, siteNetwork } from '#src/kernel/requests/counted-address.ts';

export type ConnectionLimitDeps = {
  /** Max open connections of one address. IPv6 addresses of one /64 network count as one address. A site may have twice as many. */
  readonly maxByAddress: number;
  /** A trusted proxy has no limit, because its connections belong to many clients. */
  readonly isTrustedProxy: (address: string) => boolean;
  readonly metrics: Metrics;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly logger: Logger;
};

export type ConnectionLimit = {
  /** Handler of the event `connection`. Closes the connection at once if its address has too many connections. */
  readonly admit: (socket: Socket) => void;
  /**
   * Handler of the event `drop`: the server refused a connection because the total number of connections is at its
   * limit, and none of them is idle.
   */
  readonly dropped: () => void;
  /** The system could not accept a connection, for example without a free file descriptor. */
  readonly failed: (error: Error) => void;
  /** Called when the server has closed an idle connection in favour of a new one. */
  readonly evicted: () => void;
};

/** Max connections of the network of a site, as a multiple of those of one address. A site with many addresses must not take all. */
const addressesAtMax = 2;

/** Limits the connections per address and per site, because each connection holds a file descriptor, also while it is idle. */
export const createConnectionLimit = ({
  maxByAddress,
  isTrustedProxy,
  metrics,
  clock,
  logger,
}: ConnectionLimitDeps): ConnectionLimit => {
  /** Open connections of each address and of each site. */
  const open = createCounts();
  const warn = createRepeatedLines({ clock, logger });
  // Starts each counter at 0, because an alert rule on the increase does not see the first value of a counter.
  for (const reason of ['total', 'address', 'site', 'accept'] as const) {
    metrics.count('volwatch_http_connections_refused_total', { reason }, 0);
  }
  metrics.count('volwatch_http_connections_evicted_total', {}, 0);
  return {
    admit: (socket) => {
      const { remoteAddress = '' } = socket;
      if (isTrustedProxy(remoteAddress)) return;
      const address = countedAddress(remoteAddress);
      const site = siteNetwork(address);
      const reason =
        open.of(address) >= maxByAddress
          ? 'address'
          : open.of(site) >= maxByAddress * addressesAtMax
            ? 'site'
            : undefined;
      if (reason !== undefined) {
        metrics.count('volwatch_http_connections_refused_total', { reason });
        socket.destroy();
        return;
      }
      open.change(address, 1);
      open.change(site, 1);
      socket.once('close', () => {
        open.change(address, -1);
        open.change(site, -1);
      });
    },
    dropped: () => metrics.count('volwatch_http_connections_refused_total', { reason: 'total' }),
    failed: (error) => {
      metrics.count('volwatch_http_connections_refused_total', { reason: 'accept' });
      const code = 'code' in error ? error.code : undefined;
      warn(`accept ${String(code)}`, { err: error }, 'the system could not accept a connection');
    },
    evicted: () => metrics.count('volwatch_http_connections_evicted_total', {}),
  };
};
