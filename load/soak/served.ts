import { callerKinds } from '../mix-shares.ts';

export type CallerKind = (typeof callerKinds)[number];

/** Steps of one kind that succeeded, and all others. */
export type StepCount = { readonly caller: CallerKind; readonly ok: number; readonly failed: number };

export type Served = {
  /** A kind of step, or a kind of caller with all its steps. */
  readonly name: string;
  readonly ok: number;
  readonly failed: number;
  readonly passed: boolean;
};

/** Most steps of each kind of caller must succeed, because most minutes have no fault that they meet. */
const minOfCaller = 0.7;
/** Each kind of step alone meets more of its own faults than its caller. A lower min would let a step be lost for half the run. */
const minOfStep = 0.5;

const judged = (name: string, { ok, failed }: Pick<StepCount, 'ok' | 'failed'>, min: number): Served => ({
  name,
  ok,
  failed,
  passed: ok > 0 && ok / (ok + failed) >= min,
});

export type ServedVerdict = { readonly callers: readonly Served[]; readonly steps: readonly Served[] };

/** @param counts by the name of the step. Each step of the load has a count, also if it never ran. */
export const judgeServed = (counts: ReadonlyMap<string, StepCount>): ServedVerdict => ({
  callers: callerKinds.map((caller) => {
    const own = [...counts.values()].filter((count) => count.caller === caller);
    const sum = (of: (count: StepCount) => number): number => own.reduce((total, count) => total + of(count), 0);
    return judged(`caller ${caller}`, { ok: sum(({ ok }) => ok), failed: sum(({ failed }) => failed) }, minOfCaller);
  }),
  steps: [...counts].map(([name, count]) => judged(`step ${name}`, count, minOfStep)),
});
