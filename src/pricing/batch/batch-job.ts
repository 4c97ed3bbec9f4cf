import { isAscii, isUtf8 } from 'node:buffer';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { readColumnsArrow } from '../arrow/read-columns.ts';
import { checkBatchShape } from './batch-shape.ts';
import { openColumns } from './batch-columns.ts';
import { openObjects } from './batch-objects.ts';
import type { TallyData } from './batch-tally.ts';
import { writeColumnsJson } from './columns-json.ts';
import { readColumnsJson } from './columns-json.ts';
import type { WorkEstimate } from '../models/cost.ts';
import type { EngineFactory } from '../models/engine-factory.ts';
import { isRow } from '../request/read-option.ts';

export const jsonType = 'application/json';
export const arrowType = 'application/vnd.apache.arrow.stream';

export type BatchFormat = 'objects' | 'columns' | 'arrow';
export type Transport = 'json' | 'arrow';
/** A batch as it came; `answer` lists what the caller takes, best first. */
export type BatchRequest = {
  readonly bytes: Uint8Array;
  readonly input: Transport;
  readonly answer: readonly Transport[];
  /** Deepest nesting of JSON. */
  readonly jsonDepth: number;
};

/** A batch whose envelope is sound. The rows are priced in steps, so that whoever runs it can pause or give up between. */
export type BatchJob = {
  readonly format: BatchFormat;
  readonly answer: Transport;
  readonly size: number;
  readonly estimate: () => WorkEstimate;
  readonly tally: TallyData;
  /** Prices the rows from `from` up to `to`; the steps must follow each other. */
  readonly run: (from: number, to: number) => void;
  /** In place of pricing row `index`: it failed. */
  readonly fail: (index: number, error: AppError) => void;
  /** The first error that stands for something thrown. */
  readonly thrown: () => AppError | undefined;
  readonly finish: (computationTimeMs: number) => Promise<Uint8Array[]>;
};

const textOf = ({ buffer, byteOffset, byteLength }: Uint8Array): string => {
  const bytes = Buffer.from(buffer, byteOffset, byteLength);
  if (isAscii(bytes)) return bytes.toString('latin1');
  if (isUtf8(bytes)) return bytes.toString('utf8');
  throw new AppError('malformed_body', 'The body is not valid UTF-8');
};

const parseJson = ({ bytes, jsonDepth }: BatchRequest): unknown => {
  checkBatchShape(bytes, jsonDepth);
  const text = textOf(bytes);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AppError('malformed_body', 'The body is not valid JSON', { cause });
  }
};

const unacceptable = (): AppError =>
  new AppError('not_acceptable', `Rows are answered as ${jsonType}, columns also as ${arrowType}`);

/**
 * Reads the envelope of a batch in any of its formats.
 * @throws AppError `malformed_body`, `validation_failed`, `pricing_model_unknown`, `not_acceptable`
 */
export const openBatch = async (request: BatchRequest, engines: EngineFactory): Promise<BatchJob> => {
  const [answer] = request.answer;
  if (answer === undefined) throw unacceptable();
  const body = request.input === 'json' ? parseJson(request) : undefined;
  if (request.input === 'json' && !(isRow(body) && Object.hasOwn(body, 'columns'))) {
    if (!request.answer.includes('json')) throw unacceptable();
    return openObjects(body, engines);
  }
  const { table, outputs } = isRow(body) ? readColumnsJson(body) : readColumnsArrow(request.bytes);
  return openColumns({
    table,
    outputs,
    engines,
    format: request.input === 'json' ? 'columns' : 'arrow',
    answer,
    write:
      answer === 'json'
        ? async (result) => writeColumnsJson(result)
        : // The library is large and few answers need it: the first of them loads it.
          async (result) => (await import('../arrow/write-columns.ts')).writeColumnsArrow(result),
  });
};
