import type { FieldError } from '#src/kernel/catalogue/errors.ts';
import { memberError } from '../request/messages.ts';

/** Name of the row member, or of the column, whose value is repeated in the answer. */
export const idMember = 'id';
export const maxIdCharacters = 64;

/** Whether the value can be the id of a row; an absent id is valid. */
export const isId = (value: unknown): boolean =>
  value === undefined ||
  (typeof value === 'string' && value.length <= maxIdCharacters) ||
  (typeof value === 'number' && Number.isFinite(value));

export const idError = (at: string): FieldError =>
  memberError(
    at,
    idMember,
    'invalid_value',
    `id must be a string of at most ${maxIdCharacters} characters, or a number`,
  );
