import type { Clock } from '#src/kernel/ports/clock.ts';
import { refusalsAfterCredential } from '#src/kernel/catalogue/audit-actions.ts';
import type { EventContent } from './event-content.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';

// SQL: a window is created or found in one step, and retention deletes sets.

/**
 * Refusals are caused by callers that nobody knows, and events are kept for good. So a stream records so many of them
 * in an hour, and counts the rest; the count becomes one event of the same chain. Refusals after a right credential have windows and limits
 * of their own.
 */
export type RefusalLimitDeps = {
  readonly clock: Clock;
  readonly maxPerHour: number;
  /** Of all streams together, for each of both kinds, with the events that tell a count. Passed by the transactions that are in progress, because they do not wait for each other. */
  readonly maxOfAllPerHour: number;
};

export type OmittedRefusals = { readonly stream: string; readonly omitted: number; readonly since: Date };

export type RefusalLimit = {
  /**
   * Counts one refusal; the row of its stream and kind stays locked until the end of the transaction.
   * @returns whether to record it, and what an earlier hour omitted, to be recorded first
   */
  readonly admit: (
    query: Query,
    refusal: Pick<EventContent, 'stream' | 'action'>,
  ) => Promise<{ readonly record: boolean; readonly before?: OmittedRefusals }>;
  /**
   * Takes what hours that are over omitted, to be recorded in the same transaction: of a few streams, because their rows stay locked until its end and refused
   * requests wait for them, and as many as the limit of all streams lets.
   */
  readonly takeEnded: (query: Query) => Promise<readonly OmittedRefusals[]>;
};

const hourMs = 3_600_000;

/** Max streams of each kind whose counts one transaction records. */
const maxTaken = 20;

/** Of the refusals after a right credential, so many of a stream are recorded in an hour whatever the other streams have. */
const alwaysRecorded = 3;

/** The end of the name of a window of refusals after a right credential. No name of a stream has this character. */
const afterCredential = '#credential';
/** SQL: whether a window is of refusals after a right credential. */
const isAfterSql = `(stream like '%${afterCredential}')`;

type Window = { readonly started_at: Date; readonly recorded: number; readonly omitted: number };

export const createRefusalLimit = ({ clock, maxPerHour, maxOfAllPerHour }: RefusalLimitDeps): RefusalLimit => {
  const currentHour = (): Date => new Date(Math.floor(clock.now().getTime() / hourMs) * hourMs);

  const recordedByAll = async (query: Query, hour: Date, isAfter: boolean): Promise<number> => {
    const [all] = await query<{ recorded: number }>(
      `select coalesce(sum(recorded), 0)::int as recorded from audit_refusal_window where started_at >= $1 and ${isAfterSql} = $2`,
      [hour, isAfter],
    );
    return all!.recorded;
  };

  return {
    admit: async (query, { stream, action }) => {
      const isAfter = refusalsAfterCredential.has(action);
      const name = isAfter ? `${stream}${afterCredential}` : stream;
      const hour = currentHour();
      // The update changes nothing: it locks the row and answers it in one statement.
      const [found] = await query<Window>(
        `insert into audit_refusal_window (stream, started_at, recorded, omitted) values ($1, $2, 0, 0)
         on conflict (stream) do update set stream = excluded.stream returning started_at, recorded, omitted`,
        [name, hour],
      );
      const { started_at: startedAt, recorded, omitted } = found!;
      // Another instance's clock may be ahead: its hour counts as this one.
      const isOver = startedAt < hour;
      const soFar = isOver ? 0 : recorded;
      const ofAll = maxOfAllPerHour - (await recordedByAll(query, hour, isAfter));
      // Own accounts are cheap, so the refusals of many of them must not hide the first ones of another account.
      const first = isAfter ? alwaysRecorded - soFar : 0;
      const left = Math.min(maxPerHour - soFar, Math.max(ofAll, first));
      const record = left > 0;
      // The count of an earlier hour is an event too. Without a place for it, it goes on.
      const counts = isOver && omitted > 0 && left > 1;
      await query('update audit_refusal_window set started_at = $2, recorded = $3, omitted = $4 where stream = $1', [
        name,
        isOver ? hour : startedAt,
        soFar + Number(record) + Number(counts),
        (counts ? 0 : omitted) + (record ? 0 : 1),
      ]);
      return counts ? { record, before: { stream, omitted, since: startedAt } } : { record };
    },

    takeEnded: async (query) => {
      const hour = currentHour();
      await query('delete from audit_refusal_window where started_at < $1 and omitted = 0', [hour]);
      const ended: OmittedRefusals[] = [];
      for (const isAfter of [false, true]) {
        const left = maxOfAllPerHour - (await recordedByAll(query, hour, isAfter));
        // The rows stay with one recorded event, because these events count in this hour. The others wait for the next run.
        const taken = await query<OmittedRefusals>(
          `with taken as (
             select stream, omitted, started_at as since from audit_refusal_window
             where started_at < $1 and omitted > 0 and ${isAfterSql} = $3
             order by started_at, stream limit greatest($2, 0) for update
           ), counted as (
             update audit_refusal_window as own set started_at = $1, recorded = 1, omitted = 0 from taken where own.stream = taken.stream
           )
           select stream, omitted, since from taken`,
          [hour, Math.min(left, maxTaken), isAfter],
        );
        const suffix = isAfter ? afterCredential.length : 0;
        ended.push(...taken.map((each) => ({ ...each, stream: each.stream.slice(0, each.stream.length - suffix) })));
      }
      return ended;
    },
  };
};
