import { AppError } from '#src/kernel/catalogue/errors.ts';
import { validationFailed } from '../requests/validation-failed.ts';

const sentence = 'The body is not an Apache Arrow IPC stream';

/** For a body that does not begin like an Arrow stream. */
export const notArrow = (reason?: string): AppError =>
  new AppError('malformed_body', reason === undefined ? sentence : `${sentence}: ${reason}`);

/** For a stream whose lengths, counts or offsets contradict the bytes that are present. */
export const contradiction = (reason: string): AppError =>
  new AppError('malformed_body', `${sentence}: ${reason}`, { abuse: 'arrow_invalid' });

/** For a feature of the format that this service does not read. */
export const unsupported = (detail: string): AppError =>
  validationFailed([{ pointer: '/columns', code: 'unsupported', detail }]);
