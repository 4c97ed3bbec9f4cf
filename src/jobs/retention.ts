import { codeOf } from '#src/kernel/catalogue/errors.ts';
import { removeEach } from '#src/kernel/lists/removal.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';

export type RetentionDeps = {
  /** Removes the rows of one kind that are due. @returns their number */
  readonly kinds: Readonly<Record<string, () => Promise<number>>>;
  readonly logger: Logger;
};

/**
 * Returns the work of the retention. Each kind is removed in a transaction of its own, because the rows of one kind, which callers can store, must not keep
 * all others from being removed.
 * @throws the error of the first kind that failed, after all kinds were tried
 */
export const createRetention =
  ({ kinds, logger }: RetentionDeps) =>
  async (): Promise<void> => {
    const removed: Record<string, number> = {};
    const removals = Object.entries(kinds).map(([kind, remove]) => async () => {
      try {
        return (removed[kind] = await remove());
      } catch (error) {
        logger.warn({ kind, code: codeOf(error) }, 'rows of a kind stay after their retention time');
        throw error;
      }
    });
    try {
      await removeEach(removals);
    } finally {
      logger.info(removed, 'removed rows after their retention time');
    }
  };
