import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Steps } from '#src/kernel/streams/turns.ts';
import { readArrowSteps } from '../arrow/read-columns.ts';
import { checkBatchShape } from './batch-shape.ts';
import { fillColumns } from './columns/fill-columns.ts';
import { openColumns } from './columns/batch-columns.ts';
import { openObjects } from './batch-objects.ts';
import { writeColumnsJson } from './columns/columns-json.ts';
import { openGrid } from '../grid/open-grid.ts';
import { writeGridJson } from '../grid/write-grid-json.ts';
import { readColumnsJson } from './columns/columns-json.ts';
import type { EngineFactory } from '../models/engine-factory.ts';
import { readDefaults } from '../request/defaults.ts';
import { invalidRequest } from '../request/failures.ts';
import { parseJsonSteps } from '../request/parse-json-bytes.ts';
import { isRow } from '../request/read-option.ts';
import { arrowType, jsonType, type BatchRequest, type PreparedBatch } from './prepared-batch.ts';

const parseSteps = ({ kind, bytes, jsonDepth }: BatchRequest, collect?: () => void): Steps<unknown> => {
  checkBatchShape(bytes, jsonDepth, kind);
  return parseJsonSteps(bytes, collect);
};

const unacceptable = (): AppError =>
  new AppError('not_acceptable', `Rows are answered as ${jsonType}, columns also as ${arrowType}`);

/**
 * Reads the envelope of a batch in any of its formats. A long one is read in steps of some milliseconds.
 * @throws AppError `malformed_body`, `validation_failed`, `pricing_model_unknown`, `not_acceptable`
 * @param collect see `parseJsonSteps`
 */
export const prepareSteps = async function* (
  request: BatchRequest,
  engines: EngineFactory,
  collect?: () => void,
): AsyncGenerator<undefined, PreparedBatch, undefined> {
  const [answer] = request.answer;
  if (answer === undefined) throw unacceptable();
  const body = request.input === 'json' ? yield* parseSteps(request, collect) : undefined;
  if (request.kind === 'grid') {
    return openGrid(body, {
      engines,
      defaults: request.defaults,
      answer,
      write: answer === 'json' ? writeGridJson : (await import('../grid/write-grid-arrow.ts')).writeGridArrow,
    });
  }
  if (request.input === 'json' && !(isRow(body) && Object.hasOwn(body, 'columns'))) {
    if (!request.answer.includes('json')) throw unacceptable();
    return openObjects(body, { engines, defaults: request.defaults, bodyBytes: request.bytes.byteLength });
  }
  const columns = isRow(body) ? readColumnsJson(body) : yield* readArrowSteps(request.bytes);
  const filling = readDefaults(columns.preset, request.defaults);
  if (Array.isArray(filling)) throw invalidRequest(filling);
  return openColumns({
    ...columns,
    table: fillColumns(columns.table, filling.values),
    engines,
    format: request.input === 'json' ? 'columns' : 'arrow',
    answer,
    // The Arrow library is large and few answers need it, so the first such answer loads it.
    write: answer === 'json' ? writeColumnsJson : (await import('../arrow/write-columns.ts')).writeColumnsArrow,
  });
};

/** Reads the envelope of a batch at once. */
export const prepareBatch = async (request: BatchRequest, engines: EngineFactory): Promise<PreparedBatch> => {
  const steps = prepareSteps(request, engines);
  for (;;) {
    const step = await steps.next();
    if (step.done === true) return step.value;
  }
};
