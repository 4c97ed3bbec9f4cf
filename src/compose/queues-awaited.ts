import type { Clock } from '../kernel/ports/clock.ts';

/** See docs/decisions/0256. */
const maxWaitMs = 60_000;

/**
 * True while a start that has reached its database waits for the job queues, because uploads, refreshes and changes are
 * refused before they are open. False after `maxWaitMs`: what needs no queue must be reachable then.
 */
export const createQueuesAwaited = ({
  clock,
  isOpen,
}: {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly isOpen: () => boolean;
}): (() => boolean) => {
  let firstAskedMs: number | undefined;
  return () => {
    if (isOpen()) return false;
    firstAskedMs ??= clock.monotonic();
    return clock.monotonic() - firstAskedMs < maxWaitMs;
  };
};
