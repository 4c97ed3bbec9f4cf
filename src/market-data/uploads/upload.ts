import type { BodyStream } from '#src/kernel/body-stream.ts';
import type { ActionColumn } from './columns.ts';
import type { RowCounts } from './row-error.ts';
import type { UploadedSeries } from './series-check.ts';

export const uploadModes = ['merge', 'replace'] as const;
export const onErrors = ['fail', 'skip'] as const;

/** A file of prices, as a caller sends it. */
export type Upload = {
  /**
   * `merge`: between the first and the last date of each symbol the file is the truth. `replace`: the file is the whole
   * series of its symbols.
   */
  readonly mode: (typeof uploadModes)[number];
  /** `fail`: one refused row refuses the file. `skip`: the other rows are used. */
  readonly onError: (typeof onErrors)[number];
  /**
   * True: the prices are in shares of today, as most tools download them. False: they are as they were traded. Undefined:
   * as they were traded, and a file that does not look so is refused.
   */
  readonly adjusted?: boolean | undefined;
  readonly read: BodyStream['read'];
  /** Called when the file was read and its rows are not refused any more. What follows can still be rolled back. */
  readonly onAccepted: () => void;
};

/** The rows of a file in the staging table. */
export type StagedUpload = RowCounts & {
  readonly mode: Upload['mode'];
  readonly isAdjusted: boolean;
  /** By position of the asset in the universe. */
  readonly series: ReadonlyMap<number, UploadedSeries>;
  /** Columns of corporate actions that the file has. */
  readonly actions: readonly ActionColumn[];
};

/** The temporary table with the rows of the file. The transaction that made it drops it. */
export const stagingTable = 'pg_temp.upload_row';
