import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { JobEnqueuer } from '#src/kernel/ports/jobs.ts';
import type { Faults } from '#src/kernel/catalogue/faults.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Reader, Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { Announce } from '#src/kernel/ports/webhooks.ts';
import type { Universe } from '../indexes/universes.ts';
import type { MarketDataProvider } from '../providers/provider.ts';
import type { SeriesSource } from '../providers/series-sources.ts';
import type { Universes } from '../universes/universes-port.ts';
import type { Upload } from '../uploads/upload.ts';
import type { RefreshRecord, RefreshTrigger } from './refresh-records.ts';

export type RefreshRunDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly audit: AuditTrail;
  /** Receives each ending in the transaction that records it. */
  readonly announce?: Announce | undefined;
  /** The provider of universes with the source `provider`. */
  readonly provider: MarketDataProvider;
  /** Providers of universes that name their source. Default: `provider` alone. */
  readonly providers?: Partial<Readonly<Record<SeriesSource, MarketDataProvider>>>;
  readonly faults: Faults;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ids: () => string;
  /** Called after the commit and before the caller gets the ended record. It brings the caches up to date. */
  readonly committed: (universe: Universe) => Promise<void>;
  /** Called right before the commit of the data. It enqueues the check of the prices. */
  readonly applied?: (transaction: Transaction, universe: Universe) => Promise<void>;
  /** Gets the calculations of indexes of other universes that share changed symbols. Default: there are none. */
  readonly jobs?: JobEnqueuer;
  readonly universes: Universes;
  /** A price, or a whole series, that changes by more than this factor, up or down, is held back. */
  readonly quarantineFactor: number;
  /** After so many days a refresh fetches the whole history of a series again. 0: each refresh does. Default: 0. */
  readonly historyDays?: number;
  readonly timeouts: {
    /** Timeout of the fetch. */
    readonly fetchMs: number;
    /** Timeout of the fetch with the time that it waits for request credits. Default: it does not wait. */
    readonly creditsMs?: number;
    /** Timeout of the transaction that stores the rows and calculates the indexes. */
    readonly applyMs: number;
    /** Timeout of each of its statements. Default: `applyMs`. */
    readonly statementMs?: number;
    /** Timeout of the read of a file. */
    readonly uploadMs?: number;
  };
  /** Max rows of an uploaded file. Default: no limit. */
  readonly maxUploadRows?: number;
  /** Max refused rows of an uploaded file of which the others are stored. Default: no limit. */
  readonly maxRefusedRows?: number;
  /** Reads and writes outside of the transaction of the refresh. Must be the primary. */
  readonly reader: Reader;
};

export type RefreshRun = {
  readonly universe: Universe;
  readonly trigger: RefreshTrigger;
  readonly signal: AbortSignal;
  /**
   * Frees the lock of the universe. Called right before the commit of the outcome, so that whoever reads the ended record
   * can start the next refresh.
   */
  readonly releaseLock: () => Promise<void>;
  /** Id of a queued record. The run uses this record in place of a new one. */
  readonly queuedId?: string | undefined;
  /** True if the caller waits for the end. The run is then part of the caller's trace, else of a new linked trace. */
  readonly waited: boolean;
  /** Called with the running record after it is stored. */
  readonly onRecorded: (record: RefreshRecord) => void;
  /** Called in the transaction that stores the record, for writes that must be committed together with it. */
  readonly inRecordTransaction?: ((transaction: Transaction, record: RefreshRecord) => Promise<void>) | undefined;
  /** Called right before the commit of the data, for writes that must be committed together with them. */
  readonly inApplyTransaction?: ((transaction: Transaction) => Promise<void>) | undefined;
  /** Called in the transaction that records the failure. */
  readonly inFailureTransaction?: ((transaction: Transaction) => Promise<void>) | undefined;
  /** The prices come from this file in place of the source of the universe. */
  readonly upload?: Upload | undefined;
};
