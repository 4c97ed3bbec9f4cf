import { AppError } from '#src/kernel/catalogue/errors.ts';
import { describeJsonShapeFault, jsonShapeFault } from '#src/kernel/requests/json-shape.ts';
import { maxBatchRows } from './batch-row.ts';
import { columnError, numberColumns, textColumns } from './columns.ts';
import { invalidRequest } from '../request/failures.ts';
import { dividendMembers, hestonParameters } from '../models/inputs.ts';
import { inputNames } from '../models/models.ts';

/**
 * Unknown members of a row that are tolerated here, so that only this row fails. More of them refuse the whole batch.
 */
const unknownMembers = 16;
const maxMembers = Math.max(inputNames.length, numberColumns.length + textColumns.length) + unknownMembers;
/** Dividends per row, if all of the 100,000 rows have some. */
const dividendsOfEach = 4;
/** Max values of a batch: every input of every model, Heston's parameters and a few dividends in each row. */
const maxValues =
  maxBatchRows * (1 + inputNames.length + hestonParameters.length + dividendsOfEach * (1 + dividendMembers.length));

/**
 * Max different member names of a body. It applies from `namesMatterBytes` on, because a smaller body cannot have so
 * many names that parsing takes long.
 */
const maxNames = 1_000;
const namesMatterBytes = 262_144;

/** Depth of the list `options`, a member of the body. The lists of columns are one level deeper. */
const depthOfOptions = 2;

/**
 * Checks the size of a JSON batch on its bytes, before it is parsed, because parsed values need up to 60 times the
 * memory of their text.
 * @param list the member with the rows
 * @throws AppError `validation_failed` for too many rows, `malformed_body` for too many values, members or levels
 */
export const checkBatchShape = (bytes: Uint8Array, maxDepth: number, list = 'options'): void => {
  const fault = jsonShapeFault(bytes, {
    maxDepth,
    maxItems: maxBatchRows,
    maxMembers,
    maxValues,
    ...(bytes.byteLength >= namesMatterBytes && { maxNames }),
  });
  if (fault === undefined) return;
  const abuse = 'body_structure';
  if (fault.limit !== 'items') throw new AppError('malformed_body', describeJsonShapeFault(fault), { abuse });
  const rows = fault.depth === depthOfOptions ? list : 'columns';
  const detail = `${rows} must have 1 to ${maxBatchRows} rows`;
  const error = { ...columnError('', 'invalid_length', detail), pointer: `/${rows}` };
  throw invalidRequest([error], abuse);
};
