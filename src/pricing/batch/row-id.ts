import type { FieldError } from '#src/kernel/catalogue/errors.ts';
import { memberError } from '../request/messages.ts';

/** Name of the row member, or of the column, whose value is repeated in the answer. */
export const idMember = 'id';
export const maxIdCharacters = 64;

/** Numbers above it have no digits for the difference of 1, so an answer would repeat another number than the one that was sent. */
export const maxIdNumber = Number.MAX_SAFE_INTEGER;
export const isExactNumber = (id: number): boolean => Math.abs(id) <= maxIdNumber;

/** Whether the value can be the id of a row; an absent id is valid. */
export const isId = (value: unknown): boolean =>
  value === undefined ||
  (typeof value === 'string' && value.length <= maxIdCharacters) ||
  (typeof value === 'number' && isExactNumber(value));

export const idError = (at: string): FieldError =>
  memberError(
    at,
    idMember,
    'invalid_value',
    `id must be a string of at most ${maxIdCharacters} characters, or a number up to 2^53 - 1: send a larger number as a string`,
  );
