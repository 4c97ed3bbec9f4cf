import { runAtOnce, type Steps } from '#src/kernel/streams/turns.ts';
import { conventionNames } from '../../request/conventions/convention-members.ts';
import { chosenModel } from '../../request/conventions/model-of-row.ts';
import { needsValuationDate, resolveRow } from '../../request/conventions/resolve-row.ts';
import { dividendCountAt, type Column, type ColumnTable } from './columns.ts';

/** The columns that are read to resolve dates and contracts. Dates of dividends are read with their own row. */
const readNames: readonly string[] = [...conventionNames, 'time_to_expiry', 'strike', 'option_type'];
const numberNames = ['time_to_expiry', 'strike'] as const;

type Columns = ColumnTable['columns'];

const hasConventions = (columns: Columns): boolean => conventionNames.some((name) => columns.has(name));

/**
 * Whether a null cell of the column means that its row has no such input, because rows of one batch may have contracts,
 * expiries or times, and dividends or a dividend yield.
 */
export const isNullAbsent = (columns: Columns, name: string): boolean => {
  if (name === 'dividends') return true;
  if (name === 'dividend_yield') return columns.has('dividends');
  return readNames.includes(name) && hasConventions(columns);
};

/**
 * Whether rows may lack dates and still have a valuation date and a day count. These columns often have one value for all
 * rows, and null in the columns of dates says which rows use it.
 */
export const mayLackDates = (columns: Columns): boolean =>
  ['expiry', 'contract', 'dividends'].some((name) => columns.has(name));

/** Microseconds to read the contract and the dates of a row. Measured: 3.2 of a processor. */
const resolveMicroseconds = 4;
/** Rows of one step, which takes about a millisecond. */
const rowsAtOnce = 256;
/** Microseconds of a row whose contract and dates were read before. Measured: 0.27 of a processor. */
const repeatMicroseconds = 0.3;

const isSame = (column: Column | undefined): boolean =>
  column === undefined || (column.numbers === undefined && column.only !== undefined);

/** Estimated milliseconds of `resolveColumns`. Each row counts as a different one, unless all are known to be the same. */
export const resolvingMs = ({ size, columns }: ColumnTable): number => {
  if (!hasConventions(columns)) return 0;
  const isRepeated = conventionNames.every((name) => isSame(columns.get(name)));
  return (size * (isRepeated ? repeatMicroseconds : resolveMicroseconds)) / 1000;
};

/** The columns that a contract or an expiry stands in place of. */
const replacedNames = ['time_to_expiry', 'strike', 'option_type'] as const;
type Replaced = Partial<Readonly<Record<(typeof replacedNames)[number], unknown>>>;
const mistaken: Replaced = { time_to_expiry: undefined, strike: undefined, option_type: undefined };
/**
 * Max results that are kept, so that a batch of different contracts needs no memory for all of them. Five numbers below it
 * and three bits are one integer below 2^53.
 */
const maxKept = 1024;

/** No date, contract, day count or calendar has more. */
const maxCellCharacters = 64;
/** Stands for all longer texts and for all cells that are no text, because each of them is a mistake. */
const mistakenCell = Symbol('a cell that is no date, contract, day count or calendar');
/**
 * The key of a cell in a map. V8 hashes a text of more than 16,383 characters by its length alone, so a map of such texts would compare
 * each with all others of its length: 0.4 s for 976 texts. The hash of a number in V8 has no secret, so a caller can choose numbers
 * that are compared with each other, too.
 */
const keyOf = (cell: unknown): string | typeof mistakenCell | undefined => {
  if (cell === undefined || cell === null) return undefined;
  return typeof cell === 'string' && cell.length <= maxCellCharacters ? cell : mistakenCell;
};

/**
 * Reads contracts and dates of rows. The result depends only on the cells of contracts and dates, and on which other
 * cells are there. So it is kept, and rows of one expiry are read once.
 * @returns the inputs that replace those of a row, with undefined for a mistake
 */
const createRowResolver = (columns: Columns, resolve: typeof resolveRow): ((index: number) => Replaced) => {
  const read = readNames.flatMap((name) => {
    const column = columns.get(name);
    return column === undefined ? [] : [{ name, column, isConvention: !replacedNames.some((known) => known === name) }];
  });
  const conventions = read.filter(({ isConvention, column }) => isConvention && !isSame(column));
  const others = read.filter(({ isConvention }) => !isConvention);
  /** A number below `maxKept` for each different cell, so that a key is a number that no other combination has. */
  const cellNumbers = new Map<ReturnType<typeof keyOf>, number>();
  const kept = new Map<number, Replaced>();

  const keyAt = (index: number): number | undefined => {
    let key = 0;
    for (const { column } of conventions) {
      const cell = keyOf(column.at(index));
      let number = cellNumbers.get(cell);
      if (number === undefined) {
        if (cellNumbers.size >= maxKept) return undefined;
        number = cellNumbers.size;
        cellNumbers.set(cell, number);
      }
      key = key * maxKept + number;
    }
    for (const { column } of others) key = key * 2 + ((column.at(index) ?? undefined) === undefined ? 0 : 1);
    return key;
  };

  const resolveAt = (index: number): Replaced => {
    const given: Record<string, unknown> = {};
    for (const { name, column } of read) {
      const value = column.at(index);
      if (value !== undefined && value !== null) given[name] = value;
    }
    if (!needsValuationDate(given) && mayLackDates(columns)) return {};
    const resolved = resolve(given, '');
    if (Array.isArray(resolved)) return mistaken;
    const replaced: Record<string, unknown> = {};
    // A cell of the row itself is not kept, because other rows with the same dates have other strikes.
    for (const name of replacedNames) if (given[name] === undefined) replaced[name] = resolved.row[name];
    return replaced;
  };

  return (index) => {
    const key = keyAt(index);
    const known = key === undefined ? undefined : kept.get(key);
    if (known !== undefined) return known;
    const replaced = resolveAt(index);
    if (key !== undefined && kept.size < maxKept) kept.set(key, replaced);
    return replaced;
  };
};

/**
 * The columns with the inputs of the models in place of contracts and dates. A row with a mistake has NaN, so that it is
 * read again by itself, with the message of its error.
 */
export const resolveSteps = function* ({ size, columns }: ColumnTable, resolve = resolveRow): Steps<Columns> {
  if (!hasConventions(columns)) return columns;
  const replacedAt = createRowResolver(columns, resolve);
  const numbers = { time_to_expiry: new Float64Array(size), strike: new Float64Array(size) };
  const types: unknown[] = Array.from({ length: size });
  const given = replacedNames.map((name) => [name, columns.get(name)] as const);
  for (let index = 0; index < size; index++) {
    if (index % rowsAtOnce === 0) yield;
    const replaced = replacedAt(index);
    for (const [name, column] of given) {
      const value = Object.hasOwn(replaced, name) ? replaced[name] : column?.at(index);
      if (name === 'option_type') types[index] = value;
      else numbers[name][index] = typeof value === 'number' ? value : Number.NaN;
    }
  }
  const rest = [...columns].filter(([name]) => !readNames.includes(name));
  const numberColumns = numberNames.map((name): [string, Column] => {
    const cells = numbers[name];
    return [name, { numbers: cells, at: (index) => cells[index] }];
  });
  return new Map<string, Column>([...rest, ...numberColumns, ['option_type', { at: (index) => types[index] }]]);
};

/** The same, in one step. */
export const resolveColumns = (table: ColumnTable, resolve = resolveRow): Columns =>
  runAtOnce(resolveSteps(table, resolve));

const valueOf = (column: Column | undefined, index: number): unknown => column?.at(index) ?? undefined;

/** The model that is chosen for a row without one. */
export const chosenModelAt = (columns: Columns, index: number) =>
  chosenModel({
    exercise_style: valueOf(columns.get('exercise_style'), index),
    steps: valueOf(columns.get('steps'), index),
    dividends: dividendCountAt(columns, index),
  });
