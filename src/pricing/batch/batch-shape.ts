import { AppError, type FieldError } from '#src/kernel/catalogue/errors.ts';
import { describeJsonShapeFault, jsonShapeFault } from '#src/kernel/requests/json-shape.ts';
import { maxBatchRows } from './batch-row.ts';
import { listColumns, numberColumns, textColumns } from './columns/columns.ts';
import type { BatchRequest } from './prepared-batch.ts';
import { invalidRequest } from '../request/failures.ts';
import { dividendMembers, hestonParameters } from '../models/inputs.ts';
import { inputNames } from '../models/models.ts';

/**
 * Unknown members of a row that are tolerated here, so that only this row fails. More of them refuse the whole batch.
 */
const unknownMembers = 16;
const maxMembers =
  Math.max(inputNames.length, numberColumns.length + textColumns.length + listColumns.length) + unknownMembers;
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
/** The same for rows with few names in ever new orders: 11,000 rows of 45 members took 0.7 s, and 0.07 s in one order. */
const maxShapes = 20_000;
const namesMatterBytes = 262_144;

/**
 * Max memory of the structure of a parsed batch. A row of all inputs with four dividends has 780 bytes. A short text has a fixed limit, and
 * of a longer one the memory must be in proportion to its bytes: a row of the two shortest inputs has 4 bytes for each of its own.
 */
const maxStructureBytes = 96 * 2 ** 20;
const freeStructureBytes = 16 * 2 ** 20;
const structureBytesPerByte = 4;

/** Depth of the list `options`, a member of the body. The lists of columns are one level deeper. */
const depthOfOptions = 2;

/**
 * The bytes tell the depth of a list, and not its name. In a grid positions and axes have the same depth, and below rows
 * and columns there are other lists, such as dividends.
 */
const tooManyItems = (kind: BatchRequest['kind'], depth: number): FieldError => {
  if (kind === 'grid' || depth > depthOfOptions + 1) {
    const lists = kind === 'grid' ? 'positions, the axis or the other list' : 'the list that is longer';
    const detail = `A list can have at most ${maxBatchRows} items: shorten ${lists}`;
    return { pointer: '', code: 'invalid_length', detail };
  }
  const rows = depth === depthOfOptions ? 'options' : 'columns';
  return { pointer: `/${rows}`, code: 'invalid_length', detail: `${rows} must have 1 to ${maxBatchRows} rows` };
};

/**
 * Checks the size of a JSON batch on its bytes, before it is parsed, because parsed values need up to 60 times the
 * memory of their text.
 * @throws AppError `validation_failed` for too many rows, `malformed_body` for too many values, members or levels, or too much structure
 */
export const checkBatchShape = (bytes: Uint8Array, maxDepth: number, kind?: BatchRequest['kind']): void => {
  const fault = jsonShapeFault(bytes, {
    maxDepth,
    maxItems: maxBatchRows,
    maxMembers,
    maxValues,
    maxStructureBytes: Math.min(
      maxStructureBytes,
      Math.max(freeStructureBytes, structureBytesPerByte * bytes.byteLength),
    ),
    ...(bytes.byteLength >= namesMatterBytes && { names: { maxNames, maxShapes } }),
  });
  if (fault === undefined) return;
  const abuse = 'body_structure';
  if (fault.limit !== 'items') throw new AppError('malformed_body', describeJsonShapeFault(fault), { abuse });
  throw invalidRequest([tooManyItems(kind, fault.depth)], abuse);
};
