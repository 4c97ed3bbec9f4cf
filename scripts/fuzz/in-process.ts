import { AppError } from '#src/kernel/catalogue/errors.ts';
import { type PreparedBatch, type BatchRequest } from '#src/pricing/batch/prepared-batch.ts';
import { prepareBatch } from '#src/pricing/batch/prepare-batch.ts';
import { createEngineFactory } from '#src/pricing/models/engine-factory.ts';
import { createTurns, nextTurnOfLoop, runInTurns } from '#src/kernel/streams/turns.ts';
import { threadMs } from '#testkit/measures/thread-time.ts';
import { runSlices } from '#src/pricing/batch/slices.ts';
import { outcomeSteps } from '#src/pricing/workers/protocol.ts';
import type { FuzzFormat } from './formats.ts';
import { createTally, type FuzzReport, type FuzzRun } from './report.ts';
import { createRandom } from './random.ts';

/** Maximum processor time to refuse or open a mutant. */
const maxOpenMs = 100;
/**
 * Maximum processor time to price a mutant, because a mutant may use a slow model. Pricing stops after it, as at a
 * deadline.
 */
const maxPricingMs = 250;

/**
 * Opens and prices mutants as a pricing worker does. `onProgress` gets the number of each mutant before it is tried.
 */
export const fuzzInProcess = async (
  { name, samples, mutate, input = 'json' }: FuzzFormat,
  { seed, from, count }: FuzzRun,
  onProgress: (index: number) => void = () => {},
): Promise<FuzzReport> => {
  const valid = samples();
  const engines = createEngineFactory();
  const tally = createTally(name);

  const price = async (job: PreparedBatch): Promise<string> => {
    const begun = threadMs();
    if (!(await runSlices(job, job.estimate(), () => threadMs() - begun > maxPricingMs, nextTurnOfLoop)))
      return 'given up';
    await runInTurns(outcomeSteps(job, threadMs() - begun), createTurns());
    return 'priced';
  };
  const tryMutant = async (bytes: Uint8Array): Promise<string> => {
    const request: BatchRequest = { bytes, input, answer: [input], jsonDepth: 20 };
    const begun = threadMs();
    try {
      const job = await prepareBatch(request, engines);
      tally.took(threadMs() - begun);
      return await price(job);
    } catch (error) {
      tally.took(threadMs() - begun);
      if (error instanceof AppError && error.definition.status < 500) return error.code;
      throw error;
    }
  };

  // The first compilation of the code takes time that no mutant causes. Valid inputs run first, so that it is not
  // measured.
  for (const bytes of valid) await tryMutant(Uint8Array.from(bytes));
  tally.reset();
  for (let index = from; index < from + count; index++) {
    onProgress(index);
    const bytes = mutate(createRandom(seed, index), valid);
    try {
      tally.add(await tryMutant(Uint8Array.from(bytes)));
      if (tally.lastMs() > maxOpenMs) tally.fault(index, bytes, `took ${tally.lastMs().toFixed(0)} ms to open`);
    } catch (error) {
      tally.fault(index, bytes, error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
  }
  return tally.report();
};
