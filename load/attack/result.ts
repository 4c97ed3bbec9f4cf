import type { AbuseKind } from '#src/kernel/catalogue/abuse.ts';
import type { ResidentTree } from './memory.ts';
import type { CallerSample } from './good-caller.ts';

/** The measurements of one attack, or of all attacks together. */
export type AttackResult = {
  readonly name: string;
  readonly addresses: number;
  readonly sent: number;
  /** The text of `createTally`. */
  readonly answers: string;
  readonly serverErrors: number;
  readonly exits: number;
  /** Undefined if the process that counted the threads has ended. */
  readonly lostThreads: number | undefined;
  /** How they ended, as the log of the service says. */
  readonly lostBy: string;
  readonly maxResidentBytes: number;
  /** When it was lowest within a minute after the attack; undefined if the run did not wait. */
  readonly residentAfter: ResidentTree | undefined;
  readonly caller: readonly CallerSample[];
  /** At least one kind of each group must be counted. */
  readonly expectedKinds: readonly (readonly AbuseKind[])[];
  /** The number of refusals by kind. Kinds without a refusal are absent. */
  readonly refused: Readonly<Partial<Record<AbuseKind, number>>>;
  /** The fault that the attack itself found. */
  readonly fault: string | undefined;
};

export type CallerFigures = {
  readonly singles: number;
  readonly singlesShare: number;
  readonly singlesP99Ms: number;
  readonly batches: number;
  readonly batchesShare: number;
  readonly accountRequests: number;
  readonly accountShare: number;
};

export const limits = {
  maxResidentBytes: 2 * 1_073_741_824,
  maxResidentAfterBytes: 500 * 1_048_576,
  minSinglesShare: 0.99,
  maxSinglesP99Ms: 250,
  minBatchesShare: 0.95,
  maxBatchMs: 2_000,
  minAccountShare: 0.99,
  maxAccountMs: 5_000,
  /** With fewer samples a percentile is not reliable. The samples still count in the figure of the whole run. */
  minSamplesForP99: 100,
} as const;

/** The figures are NaN if there are no samples. */
export const callerFigures = (samples: readonly CallerSample[]): CallerFigures => {
  const singles = samples.filter(({ kind }) => kind === 'single');
  const batches = samples.filter(({ kind }) => kind === 'batch');
  const served = singles.filter(({ status }) => status === 200);
  const inTime = batches.filter(({ status, ms }) => status === 200 && ms <= limits.maxBatchMs);
  const account = samples.filter(({ kind }) => kind === 'account');
  const accountServed = account.filter(({ status, ms }) => status === 200 && ms <= limits.maxAccountMs);
  // All samples count, because a request without an answer must not improve the latency.
  const sorted = singles.map(({ ms }) => ms).toSorted((a, b) => a - b);
  return {
    singles: singles.length,
    singlesShare: served.length / singles.length,
    singlesP99Ms: sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Number.NaN,
    batches: batches.length,
    batchesShare: inTime.length / batches.length,
    accountRequests: account.length,
    accountShare: accountServed.length / account.length,
  };
};
