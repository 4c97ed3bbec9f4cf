import { AppError } from '../catalogue/errors.ts';
import type { Transaction } from '../ports/unit-of-work.ts';
import { takeOwnerTurn } from './owner-turn.ts';

export type OwnerQuota = {
  /**
   * Name of the lock, from the kind of the objects and their owner. Without the lock, two additions at the same time
   * could both count one object less than the max.
   */
  readonly lockName: string;
  /** Returns one row for each object of the owner. */
  readonly statement: string;
  readonly parameters: readonly unknown[];
  readonly max: number;
};

/**
 * Must be called in the transaction that adds the object. Holds the lock until the end of the transaction.
 * @throws AppError `validation_failed` if the owner already has `max` objects, and the errors of `takeOwnerTurn`
 */
export const assertBelowOwnerQuota = async (
  { query }: Transaction,
  { lockName, statement, parameters, max }: OwnerQuota,
): Promise<void> => {
  await takeOwnerTurn(query, lockName);
  const objects = await query(statement, parameters);
  if (objects.length < max) return;
  throw new AppError('validation_failed', undefined, {
    errors: [{ pointer: '', code: 'too_many', detail: `The max of ${max} is reached` }],
  });
};
