import { context } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';

export type UsageLogDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly logger: Logger;
  /** Sets the instants `$2::timestamptz[]` of the rows `$1::uuid[]`. */
  readonly statement: string;
};

/** When rows were last used, written together now and then: one write a flush, not one a request. */
export type UsageLog = {
  readonly note: (id: string, at: Date) => void;
  /** Never throws: what cannot be written is kept for the next time. */
  readonly flush: () => Promise<void>;
};

/** Beyond it the oldest notes are dropped: the database has been away for long, and this is the least of its worries. */
const mostNotes = 10_000;

export const createUsageLog = ({ unitOfWork, logger, statement }: UsageLogDeps): UsageLog => {
  let notes = new Map<string, Date>();

  const note = (id: string, at: Date): void => {
    const before = notes.get(id);
    if (before && before >= at) return;
    if (!before && notes.size >= mostNotes) notes.delete(notes.keys().next().value!);
    notes.set(id, at);
  };

  const write = async (taken: ReadonlyMap<string, Date>): Promise<void> =>
    unitOfWork.run({ operation: 'auth.maintenance' }, async ({ query }) => {
      // In one order everywhere, so that two instances never wait for each other's rows in a circle.
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
