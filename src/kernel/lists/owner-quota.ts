import { AppError } from '../catalogue/errors.ts';
import type { Transaction } from '../ports/unit-of-work.ts';
import { takeOwnerTurn } from './owner-turn.ts';

export type OwnerRoom = {
  /** What and whose: additions under one name take turns, so that two at once do not both find the last place free. */
  readonly turn: string;
  /** Answers one row for each that the owner has. */
  readonly statement: string;
  readonly parameters: readonly unknown[];
  readonly most: number;
};

/**
 * The turn lasts as long as the transaction.
 * @throws AppError `validation_failed` when the owner has as many as may be, and those of `takeOwnerTurn`
 */
export const assertRoom = async (
  { query }: Transaction,
  { turn, statement, parameters, most }: OwnerRoom,
): Promise<void> => {
  await takeOwnerTurn(query, turn);
  const held = await query(statement, parameters);
  if (held.length < most) return;
  throw new AppError('validation_failed', undefined, {
    errors: [{ pointer: '', code: 'too_many', detail: `There are ${most} already, which is the most` }],
  });
};
