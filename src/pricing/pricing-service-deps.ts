import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import type { Faults } from '#src/kernel/catalogue/faults.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { PricingDefaults } from '#src/kernel/ports/account/pricing-defaults.ts';
import type { NearestOf } from '#src/kernel/lists/near-names.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Closes } from './forecast/closes.ts';
import type { EngineFactory } from './models/engine-factory.ts';
import type { PricingWorkers } from './workers/pool.ts';

export type PricingServiceDeps = {
  readonly engines: EngineFactory;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly faults: Faults;
  readonly logger: Logger;
  readonly workers: PricingWorkers;
  readonly closes: Closes;
  /** The nearest known symbol, for refusals of unknown ones. */
  readonly nearestAsset: NearestOf;
  readonly abuse: AbuseReport;
  /** Returns the caller whose usage the work of the current request counts against. */
  readonly callerOf: () => string;
  /**
   * Returns what the settings of the user mean for the current request, or for the work of the owner `user:ID`. Undefined
   * if the caller is no user. @throws AppError of category database
   */
  readonly defaultsOf: (owner?: string) => Promise<PricingDefaults | undefined>;
  /**
   * Max estimated milliseconds of a calculation, equal to the deadline of a request. Above it, a request is refused.
   */
  readonly maxWorkMs: number;
};
