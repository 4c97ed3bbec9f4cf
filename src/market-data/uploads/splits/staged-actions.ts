import type { ActionColumn } from '../columns.ts';
import { stagingTable } from '../upload.ts';

/** Max stored splits of a symbol after an upload: more than any share has had. It limits the work of each read, which adjusts its prices by all later splits. */
export const maxSplitsPerSeries = 100;
/** Max splits of a file, because each of them is work for the database. */
export const maxSplits = 50_000;

/**
 * A query of the corporate actions of the staged file: one row for each asset and day that has an action. If a date comes
 * twice, the later line with an action counts. All code that reads actions of a file must use it, because prices that are
 * adjusted by one line and stored with the split of another line are wrong.
 * @param actions the columns of actions that the file has; at least one. The names come from a closed list
 */
export const stagedActions = (actions: readonly ActionColumn[]): string => {
  const present = actions.join(', ');
  return `select distinct on (asset, date) asset, date, line, ${present} from ${stagingTable}
    where num_nonnulls(${present}) > 0 order by asset, date, line desc`;
};
