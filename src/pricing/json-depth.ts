import { AppError } from '#src/kernel/errors.ts';

/**
 * Whether a parsed value is nested deeper than `limit`. Sound rows are flat by their rules, so only what is wrong with a
 * batch is looked at: the text of 100,000 rows need not be read twice.
 */
export const isDeeper = (value: unknown, limit: number): boolean => {
  if (typeof value !== 'object' || value === null) return false;
  if (limit === 0) return true;
  return Object.values(value).some((member) => isDeeper(member, limit - 1));
};

export const tooDeep = (limit: number): AppError =>
  new AppError('malformed_body', `The body may be nested at most ${limit} levels deep`);
