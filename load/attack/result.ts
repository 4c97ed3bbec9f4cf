import type { AbuseKind } from '#src/kernel/catalogue/abuse.ts';
import type { CallerSample } from './good-caller.ts';

/** What was measured of one attack, or of all together. */
export type AttackResult = {
  readonly name: string;
  readonly addresses: number;
  readonly sent: number;
  /** As `createTally` writes it. */
  readonly answers: string;
  readonly serverErrors: number;
  readonly exits: number;
  /** Undefined when the process that counted them is gone. */
  readonly lostThreads: number | undefined;
  readonly maxResidentBytes: number;
  /** The lowest figure within a minute after the attack; undefined where nobody waited. */
  readonly residentAfterBytes: number | undefined;
  readonly caller: readonly CallerSample[];
  /** Of each group one kind at least must have been counted. */
  readonly expectedKinds: readonly (readonly AbuseKind[])[];
  /** Refusals by kind, those above 0. */
  readonly refused: Readonly<Partial<Record<AbuseKind, number>>>;
  /** What the attack itself found wrong. */
  readonly fault: string | undefined;
};

export type CallerFigures = {
  readonly singles: number;
  readonly singlesShare: number;
  readonly singlesP99Ms: number;
  readonly batches: number;
  readonly batchesShare: number;
};

export const limits = {
  maxResidentBytes: 2 * 1_073_741_824,
  maxResidentAfterBytes: 500 * 1_048_576,
  minSinglesShare: 0.99,
  maxSinglesP99Ms: 250,
  minBatchesShare: 0.95,
  maxBatchMs: 2_000,
  /** A percentile of fewer samples says nothing; they count in the figure of the whole run. */
  minSamplesForP99: 100,
} as const;

/** NaN where there are no samples. */
export const callerFigures = (samples: readonly CallerSample[]): CallerFigures => {
  const singles = samples.filter(({ kind }) => kind === 'single');
  const batches = samples.filter(({ kind }) => kind === 'batch');
  const served = singles.filter(({ status }) => status === 200);
  const inTime = batches.filter(({ status, ms }) => status === 200 && ms <= limits.maxBatchMs);
  // A request without an answer is not faster than one with an answer: all samples count.
  const sorted = singles.map(({ ms }) => ms).toSorted((a, b) => a - b);
  return {
    singles: singles.length,
    singlesShare: served.length / singles.length,
    singlesP99Ms: sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Number.NaN,
    batches: batches.length,
    batchesShare: inTime.length / batches.length,
  };
};
