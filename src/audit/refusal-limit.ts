import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';

// SQL: a window is created or found in one step, and retention deletes sets.

/**
 * Refusals are caused by callers that nobody knows, and events are kept for good. So a stream records so many of them
 * in an hour, and counts the rest; the count becomes one event of the same chain.
 */
export type RefusalLimitDeps = {
  readonly clock: Clock;
  readonly maxPerHour: number;
  /** Of all streams together. Passed by the transactions that are in progress, because they do not wait for each other. */
  readonly maxOfAllPerHour: number;
};

export type OmittedRefusals = { readonly stream: string; readonly omitted: number; readonly since: Date };

export type RefusalLimit = {
  /**
   * Counts one refusal of `stream`; its row stays locked until the end of the transaction.
   * @returns whether to record it, and what an earlier hour omitted, to be recorded first
   */
  readonly admit: (
    query: Query,
    stream: string,
  ) => Promise<{ readonly record: boolean; readonly before?: OmittedRefusals }>;
  /** Takes what hours that are over omitted, to be recorded in the same transaction. */
  readonly takeEnded: (query: Query) => Promise<readonly OmittedRefusals[]>;
};

const hourMs = 3_600_000;

type Window = { readonly started_at: Date; readonly recorded: number; readonly omitted: number };

export const createRefusalLimit = ({ clock, maxPerHour, maxOfAllPerHour }: RefusalLimitDeps): RefusalLimit => {
  const currentHour = (): Date => new Date(Math.floor(clock.now().getTime() / hourMs) * hourMs);

  const recordedByAll = async (query: Query, hour: Date): Promise<number> => {
    const [all] = await query<{ recorded: number }>(
      'select coalesce(sum(recorded), 0)::int as recorded from audit_refusal_window where started_at >= $1',
      [hour],
    );
    return all!.recorded;
  };

  return {
    admit: async (query, stream) => {
      const hour = currentHour();
      // The update changes nothing: it locks the row and answers it in one statement.
      const [found] = await query<Window>(
        `insert into audit_refusal_window (stream, started_at, recorded, omitted) values ($1, $2, 0, 0)
         on conflict (stream) do update set stream = excluded.stream returning started_at, recorded, omitted`,
        [stream, hour],
      );
      const { started_at: startedAt, recorded, omitted } = found!;
      // Another instance's clock may be ahead: its hour counts as this one.
      const isOver = startedAt < hour;
      const soFar = isOver ? { recorded: 0, omitted: 0 } : { recorded, omitted };
      const record = soFar.recorded < maxPerHour && (await recordedByAll(query, hour)) < maxOfAllPerHour;
      await query('update audit_refusal_window set started_at = $2, recorded = $3, omitted = $4 where stream = $1', [
        stream,
        isOver ? hour : startedAt,
        soFar.recorded + (record ? 1 : 0),
        soFar.omitted + (record ? 0 : 1),
      ]);
      return isOver && omitted > 0 ? { record, before: { stream, omitted, since: startedAt } } : { record };
    },

    takeEnded: async (query) => {
      const ended = await query<{ stream: string; omitted: number; since: Date }>(
        'delete from audit_refusal_window where started_at < $1 returning stream, omitted, started_at as since',
        [currentHour()],
      );
      return ended.filter(({ omitted }) => omitted > 0);
    },
  };
};
