import { createRecentUse, type RecentUseOptions } from '#src/kernel/requests/callers/recent-use.ts';
import { countedSite } from '#src/kernel/requests/counted-address.ts';

export type WastedBytes = {
  /** Counts bytes that were decompressed for a body which was then refused, displaced or left. */
  readonly add: (clientIp: string, bytes: number) => void;
  /** Whether the network had more of them than the max. They count half after 30 seconds. */
  readonly isMuch: (clientIp: string) => boolean;
};

/**
 * Half a kilobyte of zstd becomes 16 MB, which take 15 ms of the event loop. While memory is scarce, bodies displace each other, and all that was
 * decompressed was for nothing. So a network with many such bytes is refused before more is decompressed for it. See docs/decisions/0338.
 */
export const createWastedBytes = ({
  maxBytes,
  now = () => performance.now(),
}: Partial<RecentUseOptions> & { readonly maxBytes: number }): WastedBytes => {
  const recent = createRecentUse({ now });
  return {
    add: (clientIp, bytes) => {
      if (bytes > 0) recent.add(countedSite(clientIp), bytes / maxBytes);
    },
    isMuch: (clientIp) => recent.of(countedSite(clientIp)) > 1,
  };
};
