import type { FaultPoint } from '#src/kernel/catalogue/faults.ts';
import type { Dependency } from '#src/kernel/ports/health.ts';
import type { Scrape } from './scrape.ts';
import type { World } from './world.ts';
import type { Topology } from './world/topology.ts';

export const groups = [
  'postgres',
  'postgres_failover',
  'pgbouncer',
  'replica',
  'redis',
  'redis_cluster',
  'redis_sentinel',
  'twelve_data',
  'tiingo',
  'google_calendar',
  'smtp',
  'workers',
  'process',
  'rotation',
  'collector',
  'fault_points',
] as const;
export type Group = (typeof groups)[number];

/**
 * The type of requests that the client of a cell sends all the time: reads from the primary, other reads, refreshes,
 * refreshes of a universe that is fetched in parts, uploads, changes of a universe, single prices, batches, calendar
 * syncs, messages that reset a password, or new and old access tokens that are used at all instances.
 */
export type ProbeName =
  | 'database'
  | 'read'
  | 'cached_read'
  | 'refresh'
  | 'parts'
  | 'upload'
  | 'universe'
  | 'price'
  | 'batch'
  | 'calendar'
  | 'password_reset'
  | 'token';

/** One cell of the chaos matrix: a fault, where it is injected, and the checks that must pass. */
export type Cell = {
  readonly group: Group;
  readonly name: string;
  /** How the dependencies are deployed; absent: one Redis server, and PostgreSQL with a replica. */
  readonly topology?: Exclude<Topology, 'server'>;
  /** The fault point that the cell sets; absent if it uses none. */
  readonly faultPoint?: FaultPoint;
  /** Description for the report. */
  readonly how: string;
  readonly probe: ProbeName;
  /** Waits until the servers have the state that the cell needs. It runs before the requests of the probe. */
  readonly prepare?: (world: World) => Promise<void>;
  readonly inject: (world: World) => unknown;
  readonly heal: (world: World) => unknown;
  /** Milliseconds between `inject` and `heal`; absent: 3,000. */
  readonly holdMs?: number;
  /** Whether a counter of the service or of the dependency shows that the fault took effect. */
  readonly hasEffect: (before: Scrape, now: Scrape, world: World) => boolean | Promise<boolean>;
  /** Error codes that callers may receive. If it is empty, callers must not notice the fault. */
  readonly codes: readonly string[];
  /** Every answer must come within this time, in milliseconds. */
  readonly deadlineMs: number;
  /** The dependency whose health status must be different from `up` within 5 s of the fault. */
  readonly unhealthy?: Dependency;
  /** Spans from the time of the fault are lost. The check then needs a trace from after the fault. */
  readonly spansLost?: boolean;
  /** The process ends or is unavailable for a while, so connections may be refused during that time. */
  readonly processGone?: boolean;
  /** The process is replaced while a second one answers, so every request must get an answer. */
  readonly processReplaced?: boolean;
};

export type Check = { readonly name: string; readonly passed: boolean; readonly detail: string };

export type Phase = { readonly requests: number; readonly served: number };

export type CellResult = {
  readonly group: Group;
  readonly name: string;
  readonly how: string;
  readonly passed: boolean;
  readonly checks: readonly Check[];
  /** Milliseconds from the fault to the first signal of the service; undefined if there was none. */
  readonly detectionMs: number | undefined;
  /** Milliseconds from the end of the fault to the first good answer that no bad answer follows. */
  readonly recoveryMs: number | undefined;
  readonly answers: { readonly ok: number; readonly refused: number; readonly unanswered: number };
  readonly phases: { readonly before: Phase; readonly during: Phase; readonly after: Phase };
  readonly slowestMs: number;
  readonly traceId: string | undefined;
  /** Start of the run, injection, end of the fault and end of the run, in Unix seconds. */
  readonly window: { readonly from: number; readonly injected: number; readonly healed: number; readonly to: number };
};
