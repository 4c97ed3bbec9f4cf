import type { Steps } from '#src/kernel/streams/turns.ts';
import type { PricingDefaults } from '#src/kernel/ports/account/pricing-defaults.ts';
import type { AppError } from '#src/kernel/catalogue/errors.ts';
import type { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import type { WorkEstimate } from '../models/cost.ts';
import type { TallyData } from './batch-tally.ts';

export const jsonType = 'application/json';
export const arrowType = 'application/vnd.apache.arrow.stream';

export type BatchFormat = 'objects' | 'columns' | 'arrow' | 'grid';
export type Transport = 'json' | 'arrow';
/** A batch as it arrived; `answer` lists the formats that the caller accepts, the preferred one first. */
export type BatchRequest = {
  /** Absent for a batch. */
  readonly kind?: 'grid';
  readonly bytes: Uint8Array;
  readonly input: Transport;
  readonly answer: readonly Transport[];
  /** Max nesting of JSON. */
  readonly jsonDepth: number;
  /** What the settings of the caller mean; undefined if the caller is no user. */
  readonly defaults?: PricingDefaults | undefined;
};

/** A batch as the service gets it. A large body is in blocks, which a pricing process gets one after the other. */
export type GivenBatch = Omit<BatchRequest, 'bytes'> & { readonly bytes: Uint8Array | ByteBlocks };

/** A batch whose envelope is valid. The rows are priced in steps, so the caller can pause or stop between two steps. */
export type PreparedBatch = {
  readonly format: BatchFormat;
  readonly answer: Transport;
  readonly size: number;
  /** Estimated bytes of the answer. */
  readonly answerBytes: number;
  /** Estimated milliseconds of work that comes before the first row, and perhaps before the estimate. 0 if absent. */
  readonly preparationMs?: number;
  /** Does this work in small steps. If it is not called, the estimate or the first row does all of it at once. */
  readonly prepare?: () => Steps;
  readonly estimate: () => WorkEstimate;
  readonly tally: TallyData;
  /** Prices the rows `from` (included) to `to` (excluded). The steps must follow each other without a gap. */
  readonly run: (from: number, to: number) => void;
  /** Records `error` for row `index` in place of pricing it. */
  readonly fail: (index: number, error: AppError) => void;
  /** The first error with a cause, for the log. */
  readonly thrown: () => AppError | undefined;
  /** Writes the answer in small steps: each `next` writes a part of it. */
  readonly finish: (computationTimeMs: number) => AnswerSteps;
};

/** The steps of writing an answer, each of which takes about a millisecond at most. */
export type AnswerSteps = Steps<Uint8Array[]>;
