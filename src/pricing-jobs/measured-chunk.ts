import { trace } from '@opentelemetry/api';
import { AppError, codeOf, errorTable, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import type { LabelsOf, Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { ChunkOperationName } from '#src/kernel/catalogue/operations.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { failSpan, runInSpan } from '#src/kernel/spans.ts';

export type ChunkOutcome = LabelsOf<'volwatch_pricing_chunk_duration_seconds'>['outcome'];
/** Sets an outcome other than `ok`, for work that ends without an error. */
type EndAs = (outcome: ChunkOutcome, code?: ErrorCode) => void;

export type MeasureChunk = <T>(operation: ChunkOperationName, work: (end: EndAs) => Promise<T>) => Promise<T>;

/** Runs an operation of `chunkOperations` in its span and records its duration. */
export const createMeasureChunk = (deps: { readonly clock: Clock; readonly metrics: Metrics }): MeasureChunk => {
  const { clock, metrics } = deps;
  const tracer = trace.getTracer('volwatch.pricing-jobs');
  return (operation, work) =>
    runInSpan(tracer, `pricing.${operation}_chunk`, {}, async (span) => {
      const startedAt = clock.monotonic();
      let outcome: ChunkOutcome = 'ok';
      try {
        return await work((ended, code) => {
          outcome = ended;
          if (code !== undefined) failSpan(span, new AppError(code));
        });
      } catch (error) {
        outcome = errorTable[codeOf(error)].status < 500 ? 'refused' : 'failed';
        throw error;
      } finally {
        const seconds = (clock.monotonic() - startedAt) / 1_000;
        metrics.observe('volwatch_pricing_chunk_duration_seconds', { operation, outcome }, seconds);
      }
    });
};
