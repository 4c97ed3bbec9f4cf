import { countTexts } from './count-texts.ts';
import type { CallerSample } from './good-caller.ts';
import { totalOf } from './memory.ts';
import { callerFigures, limits, type AttackResult } from './result.ts';

const mebibytes = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MiB`;
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** Why requests were not in time, such as `3 with 429 Too many requests at once, 2 slow`. */
const lateTexts = (samples: readonly CallerSample[], kind: CallerSample['kind'], maxMs: number): string =>
  countTexts(
    samples
      .filter((sample) => sample.kind === kind && !(sample.status === 200 && sample.ms <= maxMs))
      .map(({ status, detail }) => {
        if (status === 200) return 'slow';
        return status === 0 ? 'without an answer' : `with ${status} ${detail ?? ''}`.trimEnd();
      }),
  ) || 'none was sent';

/** Limits of the good caller that were not met. A missing figure is also a fault. */
export const callerFaults = (samples: readonly CallerSample[], wholeRun: boolean): string[] => {
  const { singles, singlesShare, singlesP99Ms, batchesShare, accountRequests, accountShare } = callerFigures(samples);
  const faults: string[] = [];
  if (!(singlesShare >= limits.minSinglesShare)) faults.push(`${percent(singlesShare)} of the single prices were 200`);
  if ((wholeRun || singles >= limits.minSamplesForP99) && !(singlesP99Ms < limits.maxSinglesP99Ms))
    faults.push(`p99 of the single prices was ${Math.round(singlesP99Ms)} ms`);
  if (!(batchesShare >= limits.minBatchesShare)) {
    const reasons = lateTexts(samples, 'batch', limits.maxBatchMs);
    faults.push(`${percent(batchesShare)} of the batches were 200 within 2 s (${reasons})`);
  }
  if ((wholeRun || accountRequests >= limits.minSamplesForP99) && !(accountShare >= limits.minAccountShare)) {
    const reasons = lateTexts(samples, 'account', limits.maxAccountMs);
    faults.push(`${percent(accountShare)} of the account requests were 200 within 5 s (${reasons})`);
  }
  return faults;
};

/** Faults of one attack without the speed and share of the good caller, which depend on the machine. */
export const attackFaults = (result: AttackResult): string[] => {
  const { sent, exits, lostThreads, lostBy, maxResidentBytes, residentAfter, serverErrors } = result;
  const faults: string[] = [];
  if (sent === 0) faults.push('no request was sent');
  if (exits > 0) faults.push(`the service ended (${exits})`);
  if (lostThreads !== undefined && lostThreads > 0)
    faults.push(`${lostThreads} pricing threads were lost: ${lostBy || 'the log does not say why'}`);
  if (maxResidentBytes > limits.maxResidentBytes) faults.push(`resident memory rose to ${mebibytes(maxResidentBytes)}`);
  if (residentAfter !== undefined && totalOf(residentAfter) > limits.maxResidentAfterBytes) {
    const { root, descendants } = residentAfter;
    const parts = `${mebibytes(root)} of the service, and ${descendants.map(mebibytes).join(', ') || 'none'} of its pricing processes`;
    faults.push(`resident memory stayed at ${mebibytes(totalOf(residentAfter))} for a minute: ${parts}`);
  }
  if (serverErrors > 0) faults.push(`${serverErrors} answers were 500`);
  const { expectedKinds, refused } = result;
  const uncounted = expectedKinds.filter((kinds) => !kinds.some((kind) => (refused[kind] ?? 0) > 0));
  if (uncounted.length > 0) {
    const names = new Set(uncounted.map((kinds) => kinds.join(' or ')));
    faults.push(`volwatch_abuse_refused_total did not count ${[...names].join(', ')}`);
  }
  if (result.fault !== undefined) faults.push(result.fault);
  return faults;
};

/** All faults of one attack as sentences. The list is empty if the service withstood the attack. */
export const allFaults = (result: AttackResult): string[] => [
  ...attackFaults(result),
  ...callerFaults(result.caller, false),
];
