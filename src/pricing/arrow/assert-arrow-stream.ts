import { notArrow } from './faults.ts';
import { readMessages } from './read-messages.ts';

/**
 * A cheap check of the first message: what passes can still be refused when it is read.
 * @throws AppError `malformed_body`, `validation_failed` for a feature that is not read
 */
export const assertArrowStream = (bytes: Uint8Array): void => {
  const first = readMessages(bytes).next();
  if (first.done || first.value.kind !== 'schema') throw notArrow('it does not begin with a schema');
};
