/**
 * Reads a page of up to `limit` rows by statements of up to `maxRows`. The driver parses all rows that have arrived in one turn of the
 * event loop, so a long page of large rows in one statement would hold it. A page of the usual length is one statement.
 * @param read reads the next rows, at most `limit`, after `last`; without `last` those at the start of the page
 */
export const readInParts = async <Row>(
  { limit, maxRows }: { readonly limit: number; readonly maxRows: number },
  read: (limit: number, last: Row | undefined) => Promise<readonly Row[]>,
): Promise<Row[]> => {
  const rows: Row[] = [];
  for (let isFull = true; isFull && rows.length < limit;) {
    const wanted = Math.min(limit - rows.length, maxRows);
    const next = await read(wanted, rows.at(-1));
    rows.push(...next);
    isFull = next.length === wanted;
  }
  return rows;
};
