import { AppError } from '#src/kernel/catalogue/errors.ts';
import { describeJsonShapeFault, jsonShapeFault } from '#src/kernel/requests/json-shape.ts';
import { largestBatch } from './batch-row.ts';
import { columnError, numberColumns, textColumns } from './columns.ts';
import { invalidRequest } from '../request/failures.ts';
import { dividendMembers, hestonParameters } from '../models/inputs.ts';
import { inputNames } from '../models/models.ts';

/** A row with a few members that no model has is answered as a failed row; one with many refuses the batch. */
const unknownMembers = 16;
const maxMembers = Math.max(inputNames.length, numberColumns.length + textColumns.length) + unknownMembers;
/** Dividends of a row, where all of the 100,000 rows have some. */
const dividendsOfEach = 4;
/** Values of a batch: each row has every input of every model, Heston's parameters and a few dividends. */
const maxValues =
  largestBatch * (1 + inputNames.length + hestonParameters.length + dividendsOfEach * (1 + dividendMembers.length));

/** Different member names of a body; below this size a body cannot have so many that parsing takes long. */
const maxNames = 1_000;
const namesMatterBytes = 262_144;

/** The list of rows is a member of the body, the lists of columns are members of a member. */
const depthOfOptions = 2;

/**
 * Counts what a JSON batch holds on its bytes, because parsed values need up to 60 times the memory of their text.
 * @throws AppError `validation_failed` for too many rows, `malformed_body` for too many values, members or levels
 */
export const checkBatchShape = (bytes: Uint8Array, maxDepth: number): void => {
  const fault = jsonShapeFault(bytes, {
    maxDepth,
    maxItems: largestBatch,
    maxMembers,
    maxValues,
    ...(bytes.byteLength >= namesMatterBytes && { maxNames }),
  });
  if (fault === undefined) return;
  const abuse = 'body_structure';
  if (fault.limit !== 'items') throw new AppError('malformed_body', describeJsonShapeFault(fault), { abuse });
  const rows = fault.depth === depthOfOptions ? 'options' : 'columns';
  const detail = `${rows} must have 1 to ${largestBatch} rows`;
  const error = { ...columnError('', 'invalid_length', detail), pointer: `/${rows}` };
  throw invalidRequest([error], abuse);
};
