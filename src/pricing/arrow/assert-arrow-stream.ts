import { notArrow } from '#src/kernel/arrow/faults.ts';
import { readMessages } from '#src/kernel/arrow/read-messages.ts';

/**
 * Checks only the first message, which is cheap. A stream that passes can still be refused when it is read.
 * @throws AppError `malformed_body`, `validation_failed` for an unsupported feature
 */
export const assertArrowStream = (bytes: Uint8Array): void => {
  const first = readMessages(bytes).next();
  if (first.done || first.value.kind !== 'schema') throw notArrow('it does not begin with a schema');
};
