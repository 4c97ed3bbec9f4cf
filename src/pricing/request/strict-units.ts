import type { FieldError } from '#src/kernel/catalogue/errors.ts';
import { kindOf, memberError } from './messages.ts';
import type { Row } from './rows.ts';

/** The member of a request that makes a value in a suspicious unit an error. */
export const strictUnitsMember = 'strict_units';

/** The value of `strict_units`, false by default, or its error. */
export const readStrictUnits = (row: Row): boolean | FieldError[] => {
  const { [strictUnitsMember]: value = false } = row;
  if (typeof value === 'boolean') return value;
  const remedy = typeof value === 'string' ? ': send true or false without quotes' : '';
  const detail = `${strictUnitsMember} must be true or false, not ${kindOf(value)}${remedy}`;
  return [memberError('', strictUnitsMember, 'invalid_type', detail)];
};
