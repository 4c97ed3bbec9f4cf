import type { FaultPoint } from '#src/kernel/catalogue/faults.ts';
import type { Scrape } from './scrape.ts';
import type { World } from './world.ts';

export const groups = [
  'postgres',
  'replica',
  'redis',
  'twelve_data',
  'workers',
  'process',
  'collector',
  'fault_points',
] as const;
export type Group = (typeof groups)[number];

/** What the cell's client does all along: reads past every cache, refreshes, prices, or asks for what is limited in Redis. */
export type ProbeName = 'database' | 'read' | 'refresh' | 'price' | 'batch';

/** One fault, where it strikes, and what must hold. */
export type Cell = {
  readonly group: Group;
  readonly name: string;
  /** The fault point that the cell sets, where it sets one. */
  readonly faultPoint?: FaultPoint;
  /** In words, for the report. */
  readonly how: string;
  readonly probe: ProbeName;
  readonly inject: (world: World) => unknown;
  readonly heal: (world: World) => unknown;
  /** Milliseconds that the fault lasts. */
  readonly holdMs?: number;
  /** Whether a counter of the service or of the dependency shows that the fault was really there. */
  readonly felt: (before: Scrape, now: Scrape, world: World) => boolean | Promise<boolean>;
  /** Codes that callers may be refused with; empty: nobody may notice. */
  readonly codes: readonly string[];
  /** Every answer must come by then; milliseconds. */
  readonly deadlineMs: number;
  /** The dependency whose health must leave `up` within 5 s. */
  readonly unhealthy?: 'postgres' | 'redis' | 'twelve_data' | 'workers';
  /** Spans of the time of the fault are lost: a trace from after it must be there again. */
  readonly spansLost?: boolean;
  /** The process is meant to end, or to be gone for a while: connections may be refused meanwhile. */
  readonly processGone?: boolean;
};

export type Check = { readonly name: string; readonly passed: boolean; readonly detail: string };

export type Phase = { readonly requests: number; readonly served: number };

export type CellResult = {
  readonly group: Group;
  readonly name: string;
  readonly how: string;
  readonly passed: boolean;
  readonly checks: readonly Check[];
  /** Milliseconds from the fault to the first signal of the service; undefined when none came. */
  readonly detectionMs: number | undefined;
  /** Milliseconds from the end of the fault to the first of the answers that were all good from then on. */
  readonly recoveryMs: number | undefined;
  readonly answers: { readonly ok: number; readonly refused: number; readonly unanswered: number };
  readonly phases: { readonly before: Phase; readonly during: Phase; readonly after: Phase };
  readonly slowestMs: number;
  readonly traceId: string | undefined;
  /** Unix seconds. */
  readonly window: { readonly from: number; readonly injected: number; readonly healed: number; readonly to: number };
};
