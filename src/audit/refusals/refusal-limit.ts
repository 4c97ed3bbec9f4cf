import type { Clock } from '#src/kernel/ports/clock.ts';
import { refusalCauseOf, refusalCauses, type RefusalCause } from '#src/kernel/catalogue/audit-actions.ts';
import { firstUuidv7At } from '#src/kernel/ids.ts';
import type { Query, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { EventContent } from '../event-content.ts';
import { createRefusalMemory } from './omitted-refusals.ts';

// SQL: a window is created or found in one step, and retention deletes sets.

/**
 * Refusals are caused by callers that nobody knows, and events are kept for good. So a stream records so many of them
 * in an hour, and counts the rest; the count becomes one event of the same chain. Refusals of each cause have windows and limits of their own.
 */
export type RefusalLimitDeps = {
  readonly clock: Clock;
  readonly maxPerHour: number;
  /**
   * Of all streams together, for each cause, and for the events of `takeEnded`. Passed by the transactions that are in progress, because they do not wait
   * for each other, and by the first refusals of a stream.
   */
  readonly maxOfAllPerHour: number;
};

export type OmittedRefusals = { readonly stream: string; readonly omitted: number; readonly since: Date };

type RefusalKind = Pick<EventContent, 'stream' | 'action'>;

/** Refusals of one stream and cause count together. */
export type RefusalWindow = { readonly name: string; readonly cause: RefusalCause };

export const windowOfRefusal = ({ stream, action }: RefusalKind): RefusalWindow => {
  const cause = refusalCauseOf(action);
  return { name: windowOf(stream, cause), cause };
};

export type RefusalLimit = {
  readonly maxPerHour: number;
  /**
   * Counts one refusal; the row of its stream and cause stays locked until the end of the transaction.
   * @returns whether to record it, and what an earlier hour omitted, to be recorded first
   */
  readonly admit: (
    query: Query,
    refusal: RefusalKind,
  ) => Promise<{ readonly record: boolean; readonly before?: OmittedRefusals }>;
  /** Whether no refusal of this kind is recorded until the end of the hour, as far as this process knows. */
  readonly isFull: (refusal: RefusalKind) => boolean;
  /** Must be called after a roll-back, because the transaction may have found its own events to be enough for this hour. */
  readonly forgetFull: (refusal: RefusalKind) => void;
  /** Counts a refusal in memory, without a transaction. @returns false without a place for it: then it is not counted */
  readonly omit: (refusal: RefusalKind) => boolean;
  /** Writes what `omit` has counted. What cannot be written stays in memory. @throws AppError of the database */
  readonly flush: (unitOfWork: UnitOfWork) => Promise<void>;
  /**
   * Takes what hours that are over omitted, to be recorded in the same transaction: of a few streams, because their rows stay locked until its end and refused
   * requests wait for them. Rows that are locked come later. An hour has as many of these events as the limit of all streams.
   */
  readonly takeEnded: (query: Query) => Promise<readonly OmittedRefusals[]>;
};

const hourMs = 3_600_000;

/** Max windows that one transaction takes. It records an event for each, and all stay locked meanwhile. */
const maxTaken = 3;
/** Max windows whose numbers one statement adds. */
const maxWritten = 20;

/**
 * Of the refusals that need a credential, so many of a stream are recorded in an hour whatever the other streams have. Their streams are those of users and
 * clients, because keys and sessions are made by thousands.
 */
export const firstRefusals = 3;
/** Max events of all streams with their first refusals, as a multiple of `maxOfAllPerHour`: own accounts are not free, but some thousands are possible. */
const maxWithFirst = 5;

const suffixes = refusalCauses.flatMap((cause) => (cause === 'anybody' ? [] : [`#${cause}`]));
/** The name of a window ends with its cause, except with `anybody`. */
const windowOf = (stream: string, cause: RefusalCause): string => (cause === 'anybody' ? stream : `${stream}#${cause}`);
const streamOf = (window: string): string => {
  const suffix = suffixes.find((each) => window.endsWith(each)) ?? '';
  return window.slice(0, window.length - suffix.length);
};
/** SQL condition. Not a regular expression, because it takes 7 µs for each of thousands of windows. */
const isOfCauseSql = (cause: RefusalCause): string =>
  cause === 'anybody'
    ? suffixes.map((suffix) => `stream not like '%${suffix}'`).join(' and ')
    : `stream like '%#${cause}'`;

type Window = { readonly started_at: Date; readonly recorded: number; readonly omitted: number };

export const createRefusalLimit = ({ clock, maxPerHour, maxOfAllPerHour }: RefusalLimitDeps): RefusalLimit => {
  const currentHour = (): Date => new Date(Math.floor(clock.now().getTime() / hourMs) * hourMs);
  /** Events of an hour never become fewer, so a number that was enough once is enough until the end of the hour. */
  const lastRead = new Map<RefusalCause, { readonly hour: number; readonly recorded: number }>();
  const memory = createRefusalMemory();

  /** @param enough a number that was read in this hour and is as large is not read again */
  const recordedByAll = async (query: Query, hour: Date, cause: RefusalCause, enough: number): Promise<number> => {
    const last = lastRead.get(cause);
    if (last?.hour === hour.getTime() && last.recorded >= enough) return last.recorded;
    // Equal times, because the index then skips the windows that recorded nothing, which can be many. Another instance's clock may be ahead.
    const [all] = await query<{ recorded: number }>(
      `select coalesce(sum(recorded), 0)::int as recorded from audit_refusal_window
       where started_at = any($1) and recorded > 0 and ${isOfCauseSql(cause)}`,
      [[hour, new Date(hour.getTime() + hourMs)]],
    );
    lastRead.set(cause, { hour: hour.getTime(), recorded: all!.recorded });
    return all!.recorded;
  };

  /** How many events a stream may still record in this hour. */
  const placesOf = async (query: Query, hour: Date, cause: RefusalCause, soFar: number): Promise<number> => {
    const ofStream = maxPerHour - soFar;
    if (ofStream <= 0) return 0;
    // Own accounts are cheap, so the refusals of many of them must not hide the first ones of another account.
    const first = cause === 'anybody' ? 0 : firstRefusals - soFar;
    const max = first > 0 ? maxWithFirst * maxOfAllPerHour : maxOfAllPerHour;
    const recorded = await recordedByAll(query, hour, cause, max);
    return Math.min(ofStream, Math.max(maxOfAllPerHour - recorded, Math.min(first, max - recorded)));
  };

  /** The max of all streams, with the first refusals of each. */
  const isExhausted = (hour: Date, cause: RefusalCause): boolean => {
    const last = lastRead.get(cause);
    const max = cause === 'anybody' ? maxOfAllPerHour : maxWithFirst * maxOfAllPerHour;
    return last?.hour === hour.getTime() && last.recorded >= max;
  };

  return {
    maxPerHour,

    isFull: (refusal) => {
      const hour = currentHour();
      const { name, cause } = windowOfRefusal(refusal);
      return isExhausted(hour, cause) || memory.isFull(name, hour);
    },

    forgetFull: (refusal) => {
      const { name, cause } = windowOfRefusal(refusal);
      memory.forgetFull(name);
      lastRead.delete(cause);
    },

    omit: (refusal) => memory.add({ window: windowOfRefusal(refusal).name, omitted: 1, since: currentHour() }),

    flush: async (unitOfWork) => {
      const taken = memory.takeAll();
      for (let start = 0; start < taken.length; start += maxWritten) {
        const part = taken.slice(start, start + maxWritten);
        try {
          await unitOfWork.run({ operation: 'auth.maintenance' }, ({ query }) =>
            query(
              `insert into audit_refusal_window as present (stream, started_at, recorded, omitted)
               select stream, since, 0, omitted from unnest($1::text[], $2::timestamptz[], $3::int[]) as added (stream, since, omitted)
               on conflict (stream) do update set omitted = present.omitted + excluded.omitted`,
              [part.map(({ window }) => window), part.map(({ since }) => since), part.map(({ omitted }) => omitted)],
            ),
          );
        } catch (error) {
          for (const each of taken.slice(start)) memory.add(each);
          throw error;
        }
      }
    },

    admit: async (query, refusal) => {
      const { stream } = refusal;
      const { name, cause } = windowOfRefusal(refusal);
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
      const left = await placesOf(query, hour, cause, soFar);
      const record = left > 0;
      if (!record) memory.markFull(name, hour);
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
      // The other windows wait for the next hour. Refusals take none of these places, so a flood of them does not keep the counts out.
      const taken = await query<OmittedRefusals>(
        `delete from audit_refusal_window where stream in (
           select stream from audit_refusal_window where started_at < $1 and omitted > 0 order by started_at, stream
           limit least($2, greatest(0, $3 - (
             select count(*) from audit_event where action = 'refusals.counted' and id >= $4)))
           for update skip locked
         ) returning stream, omitted, started_at as since`,
        [hour, maxTaken, maxOfAllPerHour, firstUuidv7At(hour.getTime())],
      );
      // Without events after it, because it locks many rows.
      if (taken.length === 0)
        await query(
          `delete from audit_refusal_window where stream in (
             select stream from audit_refusal_window where started_at < $1 and omitted = 0 for update skip locked)`,
          [hour],
        );
      return taken.map((each) => ({ ...each, stream: streamOf(each.stream) }));
    },
  };
};
