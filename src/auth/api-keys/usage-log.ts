import { context } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';

export type UsageLogDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly logger: Logger;
  /** SQL that sets the times `$2::timestamptz[]` of the rows `$1::uuid[]`. */
  readonly statement: string;
};

/** Collects the times of last use of rows. A flush writes them together, so a request causes no write. */
export type UsageLog = {
  readonly note: (id: string, at: Date) => void;
  /** Never throws. Times that cannot be written are kept for the next flush. */
  readonly flush: () => Promise<void>;
};

/** When the database is down for long, the oldest entries above this number are dropped. */
const maxNotes = 10_000;

export const createUsageLog = ({ unitOfWork, logger, statement }: UsageLogDeps): UsageLog => {
  let notes = new Map<string, Date>();

  const note = (id: string, at: Date): void => {
    const previous = notes.get(id);
    if (previous && previous >= at) return;
    if (!previous && notes.size >= maxNotes) notes.delete(notes.keys().next().value!);
    notes.set(id, at);
  };

  const write = async (taken: ReadonlyMap<string, Date>): Promise<void> =>
    unitOfWork.run({ operation: 'auth.maintenance' }, async ({ query }) => {
      // All instances update rows in the same order, so they cannot deadlock.
      const rows = [...taken].sort(([left], [right]) => (left < right ? -1 : 1));
      await query(statement, [rows.map(([id]) => id), rows.map(([, at]) => at)]);
    });

  return {
    note,
    flush: async () => {
      if (notes.size === 0) return;
      const taken = notes;
      notes = new Map();
      try {
        await context.with(suppressTracing(context.active()), () => write(taken));
      } catch (error) {
        logger.warn({ code: codeOf(error), rows: taken.size }, 'last uses cannot be written yet');
        for (const [id, at] of taken) note(id, at);
      }
    },
  };
};
