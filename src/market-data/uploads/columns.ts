/** The columns of an uploaded file. */
const requiredColumns = ['symbol', 'date', 'close'] as const;
const priceColumns = ['open', 'high', 'low', 'close', 'volume'] as const;
/** Columns that are stored as corporate actions. */
export const actionColumns = ['dividend', 'split_factor', 'shares'] as const;
export const uploadColumns = ['symbol', 'date', ...priceColumns, ...actionColumns] as const;

export type UploadColumn = (typeof uploadColumns)[number];
export type ActionColumn = (typeof actionColumns)[number];

/** Names that other tools write. */
const otherNames: Readonly<Record<string, UploadColumn>> = {
  ticker: 'symbol',
  dividends: 'dividend',
  split: 'split_factor',
  splits: 'split_factor',
  stock_splits: 'split_factor',
  shares_outstanding: 'shares',
};

const isColumn = (name: string): name is UploadColumn => (uploadColumns as readonly string[]).includes(name);

/** The column of a name: upper and lower case, spaces and hyphens do not matter. Undefined: no column has this name. */
export const columnOf = (name: string): UploadColumn | undefined => {
  const plain = name
    .trim()
    .toLowerCase()
    .replaceAll(/[\s-]+/g, '_');
  if (isColumn(plain)) return plain;
  return Object.hasOwn(otherNames, plain) ? otherNames[plain] : undefined;
};

/**
 * The columns of a header, in its order.
 * @returns a sentence for the caller if the header cannot be used
 */
export const columnsOf = (names: readonly string[]): readonly UploadColumn[] | string => {
  const known = `Columns are ${uploadColumns.join(', ')}`;
  if (names.length === 1 && /[;\t|]/.test(names[0]!)) return `The header must be separated by commas. ${known}`;
  const columns: UploadColumn[] = [];
  for (const [index, name] of names.entries()) {
    const column = columnOf(name);
    if (column === undefined) return `Column ${index + 1} of the header is not known: remove it. ${known}`;
    if (columns.includes(column)) return `The column ${column} comes twice in the header: remove one of them`;
    columns.push(column);
  }
  const missing = requiredColumns.filter((column) => !columns.includes(column));
  return missing.length === 0
    ? columns
    : `The header lacks ${missing.join(', ')}: add ${missing.length === 1 ? 'this column' : 'these columns'}. ${known}`;
};
