import type { Turns } from '#src/kernel/streams/turns.ts';

/** Max rows of a series that one statement reads: the driver makes objects of all of them in few turns of the event loop. */
export const rowsPerRead = 4_000;
const rowsPerTurn = 500;

type PagedRead<Start, Row> = {
  /** Reads the first rows of each series from its start on, at most `rowsPerRead` of each, in order. */
  readonly read: (starts: readonly Start[]) => Promise<readonly Row[]>;
  readonly seriesOf: (row: Row) => number;
  /** The start of what comes after the row. */
  readonly startAfter: (row: Row, start: Start) => Start;
};

/**
 * Reads the rows of several series, a long one with several statements.
 * @returns the results of `toItem` by series, in the order of the rows
 */
export const readInPages = async <Start extends { readonly series: number }, Row, Item>(
  starts: readonly Start[],
  { read, seriesOf, startAfter }: PagedRead<Start, Row>,
  toItem: (row: Row) => Item,
  turns: Turns,
): Promise<ReadonlyMap<number, Item[]>> => {
  const items = new Map<number, Item[]>(starts.map(({ series }) => [series, []]));
  let open = starts;
  while (open.length > 0) {
    const rows = await read(open);
    const ends = new Map<number, { readonly row: Row; readonly count: number }>();
    for (const [index, row] of rows.entries()) {
      if (index % rowsPerTurn === 0) await turns.give();
      const series = seriesOf(row);
      items.get(series)?.push(toItem(row));
      ends.set(series, { row, count: (ends.get(series)?.count ?? 0) + 1 });
    }
    open = open.flatMap((start) => {
      const end = ends.get(start.series);
      return end && end.count >= rowsPerRead ? [startAfter(end.row, start)] : [];
    });
  }
  return items;
};
