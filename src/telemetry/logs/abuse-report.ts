import { abuseKinds, type AbuseKind, type AbuseReport } from '../../kernel/catalogue/abuse.ts';
import type { Clock } from '../../kernel/ports/clock.ts';
import type { Logger } from '../../kernel/ports/logger.ts';
import type { Metrics } from '../../kernel/catalogue/metrics.ts';
import type { AddressHash } from './address-hash.ts';

/** At most one line for each kind in this time, because an attack must not fill the log. */
const minIntervalMs = 60_000;
const addressesShown = 3;
/** Limits the memory for an attack from many addresses. */
const maxAddresses = 1_000;

type Unreported = { count: number; readonly byAddress: Map<string, number> };

const topAddresses = (byAddress: ReadonlyMap<string, number>): string[] =>
  [...byAddress]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, addressesShown)
    .map(([hash]) => hash);

export type AbuseReportDeps = {
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly addressHash: AddressHash;
};

/** Counts refusals by kind and logs each kind at most once a minute. */
export const createAbuseReport = ({ metrics, logger, clock, addressHash }: AbuseReportDeps): AbuseReport => {
  // An alert on the increase of a counter does not see its first value, so each kind has the value 0 from the start.
  for (const kind of abuseKinds) metrics.count('volwatch_abuse_refused_total', { kind }, 0);
  const unreported = new Map<AbuseKind, Unreported>();
  const loggedAt = new Map<AbuseKind, number>();

  return {
    refused: (kind, clientIp) => {
      metrics.count('volwatch_abuse_refused_total', { kind });
      const entry = unreported.get(kind) ?? { count: 0, byAddress: new Map<string, number>() };
      unreported.set(kind, entry);
      entry.count += 1;
      if (clientIp !== undefined) {
        const hash = addressHash(clientIp);
        const known = entry.byAddress.get(hash);
        if (known !== undefined || entry.byAddress.size < maxAddresses) entry.byAddress.set(hash, (known ?? 0) + 1);
      }
      if (clock.monotonic() - (loggedAt.get(kind) ?? -Infinity) < minIntervalMs) return;
      loggedAt.set(kind, clock.monotonic());
      unreported.delete(kind);
      logger.warn(
        { kind, refused: entry.count, client_ip_hashes: topAddresses(entry.byAddress) },
        'requests are refused as abuse',
      );
    },
  };
};
