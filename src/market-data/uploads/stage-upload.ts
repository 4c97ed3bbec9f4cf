import { orAbort } from '#src/kernel/abort.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { FileStream } from '#src/kernel/body-stream.ts';
import type { Faults } from '#src/kernel/catalogue/faults.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { inParts } from '#src/kernel/streams/in-parts.ts';
import { createTurns } from '#src/kernel/streams/turns.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { Universe } from '../indexes/universes.ts';
import { maxBarsOfSeries } from '../series/max-bars.ts';
import { checkRow, isRefusal, lastDateAt, type UploadRow } from './check-row.ts';
import { actionColumns, type ActionColumn, type UploadColumn } from './columns.ts';
import { readArrow } from './formats/arrow/read-arrow.ts';
import { readCsv } from './formats/read-csv.ts';
import { readNdjson } from './formats/read-ndjson.ts';
import type { Cell, ReadRows } from './formats/rows.ts';
import { createRefusals, refused } from './refusals.ts';
import type { RowCounter, RowError } from './row-error.ts';
import { createSeriesCheck } from './series-check.ts';
import { findAppliedSplits, isJudgedSplit } from './splits/find-applied-splits.ts';
import { markKnownSplits } from './splits/known-splits.ts';
import { stagingTable, type StagedUpload, type Upload } from './upload.ts';
import { createDates, isPlainNumber } from './values.ts';

export const uploadFormats: Readonly<Record<string, ReadRows>> = {
  'text/csv': readCsv,
  'application/x-ndjson': readNdjson,
  'application/vnd.apache.arrow.stream': readArrow,
};

export type StageDeps = {
  readonly faults: Faults;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Max rows of a file. */
  readonly maxRows: number;
  /** Max refused rows of a file of which the others are stored. */
  readonly maxRefusedRows: number;
  readonly quarantineFactor: number;
};

export type StageRequest = {
  readonly universe: Universe;
  readonly upload: Upload;
  readonly signal: AbortSignal;
  /** Called from time to time with the number of rows that were read. */
  readonly progress: (rowsRead: number) => void;
};

const progressMs = 1_000;
/** Rows go to the database in texts of about this size, because a small one costs as much as a large one. */
const copyCharacters = 65_536;

const createTable = `create temporary table upload_row (
  asset int not null, line bigint not null, date date not null, open float8, high float8, low float8, close float8 not null,
  volume float8, dividend float8, split_factor float8, shares float8, known_split float8, is_held boolean not null default false
) on commit drop`;
const columnList = 'asset, line, date, open, high, low, close, volume, dividend, split_factor, shares';

/**
 * The text of a number as COPY takes it. A text of the file that is only a number is used as it is, which is faster. Blanks around it can be
 * characters of Unicode, whose bytes are other ones in COPY. A text
 * of zero is not used, because PostgreSQL refuses a text such as 1e-400 that only becomes zero.
 */
const textOf = (value: number | null, cell: Cell | undefined): string => {
  if (value === null) return '\\N';
  if (value === 0) return '0';
  return typeof cell === 'string' && isPlainNumber(cell) ? cell : String(value);
};

/** Makes lines of the text format of COPY. No value has a character that must be escaped. */
const copyLineOf = (columns: readonly UploadColumn[]) => {
  const at = (column: UploadColumn): number => columns.indexOf(column);
  const [open, high, low, close, volume] = [at('open'), at('high'), at('low'), at('close'), at('volume')];
  const [dividend, split, shares] = [at('dividend'), at('split_factor'), at('shares')];
  return (row: UploadRow, line: number, cells: readonly Cell[]): string =>
    `${row.asset}\t${line}\t${row.date}\t${textOf(row.open, cells[open])}\t${textOf(row.high, cells[high])}\t${textOf(row.low, cells[low])}\t${textOf(row.close, cells[close])}\t${textOf(row.volume, cells[volume])}\t${textOf(row.dividend, cells[dividend])}\t${textOf(row.splitFactor, cells[split])}\t${textOf(row.shares, cells[shares])}\n`;
};

const formatOf = (mediaType: string): ReadRows => {
  const format = Object.hasOwn(uploadFormats, mediaType) ? uploadFormats[mediaType] : undefined;
  if (format) return format;
  const types = Object.keys(uploadFormats).join(' or ');
  throw new AppError('unsupported_media_type', `The file must be ${types}; name it for example prices.csv`);
};

/**
 * Copies the rows of a file into a temporary table while they arrive, and checks them. It keeps a few numbers of each
 * asset and one part of the file: 8 KB, or one batch of an Arrow stream. So its memory has a limit that does not depend on
 * the size of the file.
 * @throws AppError `upload_refused`, `malformed_body`, `unsupported_media_type`, `payload_too_large`, or of the body
 */
export const createUploadStaging =
  ({ faults, metrics, clock, maxRows, maxRefusedRows, quarantineFactor }: StageDeps) =>
  async (
    { query, copyIn }: Pick<Transaction, 'query' | 'copyIn'>,
    { universe, upload, signal, progress }: StageRequest,
    counter: RowCounter,
  ): Promise<StagedUpload> => {
    const assets = new Map(universe.assets.map(({ symbol }, index) => [symbol, index]));
    const check = { assets, dateOf: createDates(), lastDate: lastDateAt(clock.now()) };
    const series = createSeriesCheck({ interval: universe.interval, quarantineFactor });
    const actions = new Set<ActionColumn>();
    let reportedAt = clock.monotonic();
    let hasJudgedSplits = false;

    const counted = async function* (
      pieces: AsyncIterable<Buffer>,
      ended: AbortSignal,
    ): AsyncGenerator<Buffer, void, undefined> {
      const iterator = pieces[Symbol.asyncIterator]();
      while (true) {
        if (faults.armed('upload.read')) await faults.reach('upload.read', ended);
        const next = await orAbort(iterator.next(), ended);
        if (next.done === true) return;
        metrics.count('volwatch_upload_bytes_total', {}, next.value.length);
        yield next.value;
      }
    };
    const report = (): void => {
      if (clock.monotonic() - reportedAt < progressMs) return;
      reportedAt = clock.monotonic();
      progress(counter.counts().rows_read);
    };
    const refuse = createRefusals({ counter, onError: upload.onError, maxRefusedRows });
    const rowsOf = async function* (
      format: ReadRows,
      { pieces, signal: left }: FileStream,
    ): AsyncGenerator<Buffer, void, undefined> {
      const ended = AbortSignal.any([signal, left]);
      // The clock of all turns, so that uploads at the same time share the time of a turn.
      const turns = { signal: ended };
      const parts = inParts(counted(pieces, ended), turns);
      let text = '';
      for await (const { columns, named, lines, rows } of format(parts, refuse, createTurns(turns).give)) {
        for (const column of named) addAction(column);
        const copyLine = copyLineOf(columns);
        for (let index = 0; index < rows.length; index += 1) {
          const row = checkRow(columns, rows[index]!, check);
          const line = lines[index]!;
          if (isRefusal(row)) {
            refuse({ line, ...row });
            continue;
          }
          if (series.rowsOf(row.asset) >= maxBarsOfSeries) {
            const detail = `A symbol may have at most ${maxBarsOfSeries} rows in a file`;
            refuse({ line, code: 'too_many_rows', detail });
            continue;
          }
          counter.accept();
          series.add(row);
          hasJudgedSplits ||= isJudgedSplit(row.splitFactor);
          text += copyLine(row, line, rows[index]!);
        }
        const { rows_read, errors_total } = counter.counts();
        if (rows_read > maxRows) {
          throw new AppError('payload_too_large', `A file may have at most ${maxRows} rows`, {
            abuse: 'body_structure',
          });
        }
        report();
        // After a refused row of a file that must have none, the next rows are only checked.
        if (upload.onError === 'fail' && errors_total > 0) text = '';
        if (text.length < copyCharacters) continue;
        yield Buffer.from(text, 'latin1');
        text = '';
      }
      if (text !== '') yield Buffer.from(text, 'latin1');
    };
    const addAction = (column: UploadColumn): void => {
      const action = actionColumns.find((each) => each === column);
      if (action) actions.add(action);
    };

    const refuseAppliedSplits = async (): Promise<void> => {
      const { lines, total } = await findAppliedSplits(
        { query },
        { interval: universe.interval, actions: [...actions] },
      );
      if (total === 0) return;
      const isOfFile = actions.has('split_factor');
      const detail = `The prices before this split${isOfFile ? '' : ', which is stored,'} are already divided by its factor`;
      const errors = lines.map((line): RowError => ({
        line,
        code: 'split_already_applied',
        detail,
        ...(isOfFile && { column: 'split_factor' }),
      }));
      counter.refuseAccepted(errors, total);
      const splits = total === 1 ? 'split' : 'splits';
      throw refused(
        `The prices look adjusted for ${total} ${isOfFile ? `${splits} of the file` : `stored ${splits}`}. Send adjusted=true if they are in shares of today, adjusted=false if they are as they were traded`,
      );
    };

    await query(createTable);
    const copied = await upload.read((file) =>
      copyIn(
        `copy ${stagingTable} (${columnList}) from stdin`,
        rowsOf(formatOf(file.mediaType), file),
        AbortSignal.any([signal, file.signal]),
      ),
    );
    const { rows_read: rows, errors_total: total } = counter.counts();
    if (total > 0 && upload.onError === 'fail') {
      throw refused(`${total} of ${rows} rows are refused, so nothing was stored. on_error=skip stores the others`);
    }
    if (copied === 0) throw refused(total > 0 ? 'Every row is refused' : 'The file has no rows');
    const { mode, adjusted } = upload;
    const staged = { mode, isAdjusted: adjusted === true, series: series.series(), actions: [...actions] };
    const hasKnownSplits = await markKnownSplits({ query }, universe, staged);
    if ((hasJudgedSplits || hasKnownSplits) && adjusted === undefined) await refuseAppliedSplits();
    return { ...counter.counts(), ...staged };
  };
