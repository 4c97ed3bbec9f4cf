import { AppError } from '#src/kernel/catalogue/errors.ts';
import { maxListedRows, type RowCounter, type RowError } from './row-error.ts';
import type { Upload } from './upload.ts';

export const refused = (detail: string): AppError => new AppError('upload_refused', detail);

type RefusalsDeps = {
  readonly counter: Pick<RowCounter, 'refuse'>;
  readonly onError: Upload['onError'];
  /** Max refused rows of a file of which the others are stored. */
  readonly maxRefusedRows: number;
};

/**
 * Counts refused rows, and ends the file when more of them would help nobody: with `on_error=fail` when the list of
 * refused rows is full, with `skip` above a limit. A refused row costs more work than bytes, because it compresses well.
 * @throws AppError `upload_refused`
 */
export const createRefusals = ({ counter, onError, maxRefusedRows }: RefusalsDeps) => {
  let total = 0;
  return (error: RowError): void => {
    counter.refuse(error);
    total += 1;
    if (onError === 'fail' && total >= maxListedRows) {
      throw refused(
        `${total} rows are refused, so nothing was stored. The rest of the file was not read. on_error=skip stores the others`,
      );
    }
    if (onError === 'skip' && total > maxRefusedRows) {
      throw new AppError(
        'upload_refused',
        `A file may have at most ${maxRefusedRows} refused rows. Nothing was stored`,
        {
          abuse: 'body_structure',
        },
      );
    }
  };
};
