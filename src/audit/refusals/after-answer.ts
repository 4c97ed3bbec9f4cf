import { refusalCauses, type RefusalCause } from '#src/kernel/catalogue/audit-actions.ts';
import { runBeyondRequest } from '#src/kernel/requests/request-context.ts';
import { firstRefusals, type RefusalWindow } from './refusal-limit.ts';

/** Max windows of one cause whose refusals wait or are recorded at once. Refusals of one cause take no places of another. */
const maxWindows = 3_000;
/**
 * Max refusals of one cause that wait or are recorded at once, beyond the first ones of each window. So one cause has at most 10,000, which take about a
 * kilobyte each, and a burst in some windows leaves places for the first refusals of each other one.
 */
const maxFurther = 1_000;
/** Much longer than a record takes, so that the times of later requests do not tell which refusal has one. */
const maxDelayMs = 250;

/**
 * Refusals that are recorded at a random time after the answer. The answer must not wait, because a record takes a transaction only while the window of its
 * stream has room, and accounts that exist have windows of their own: the time of the answer would say whether an account exists.
 */
export type AfterAnswer<T> = {
  /**
   * Keeps a refusal. All of a window that wait are recorded together, and not before the earlier ones of the window, so a burst in one window
   * takes one connection.
   * @param record is called for the first of them. It must not throw
   * @returns false without a place: then the refusal is not kept
   */
  readonly begin: (window: RefusalWindow, refusal: T, record: (refusals: readonly T[]) => Promise<void>) => boolean;
  /** Begins all records that wait, and waits until they are done. */
  readonly settled: () => Promise<void>;
};

type Waiting<T> = { readonly refusals: T[]; readonly start: () => void; readonly done: Promise<void> };
type OfCause<T> = {
  readonly waiting: Map<string, Waiting<T>>;
  readonly recorded: Map<string, Promise<void>>;
  /** All refusals of `waiting` and `recorded`. */
  refusals: number;
};

/** @param maxOfWindow max refusals that a window records, so more need not wait */
export const createAfterAnswer = <T>(maxOfWindow: number): AfterAnswer<T> => {
  const causes = new Map<RefusalCause, OfCause<T>>(
    refusalCauses.map((cause) => [cause, { waiting: new Map(), recorded: new Map(), refusals: 0 }]),
  );

  const wait = (own: OfCause<T>, name: string, record: (refusals: readonly T[]) => Promise<void>): Waiting<T> => {
    const refusals: T[] = [];
    const { promise: started, resolve: start } = Promise.withResolvers<void>();
    const timer = setTimeout(start, Math.random() * maxDelayMs);
    const done = runBeyondRequest(async () => {
      await started;
      clearTimeout(timer);
      await own.recorded.get(name);
      own.waiting.delete(name);
      const recording = record(refusals);
      own.recorded.set(name, recording);
      await recording;
      own.recorded.delete(name);
      own.refusals -= refusals.length;
    });
    return { refusals, start, done };
  };

  return {
    begin: ({ name, cause }, refusal, record) => {
      const own = causes.get(cause)!;
      const known = own.waiting.get(name);
      if (!known && own.waiting.size + own.recorded.size >= maxWindows) return false;
      const max = own.refusals < maxFurther ? maxOfWindow : Math.min(firstRefusals, maxOfWindow);
      if (known && known.refusals.length >= max) return false;
      const place = known ?? wait(own, name, record);
      own.waiting.set(name, place);
      place.refusals.push(refusal);
      own.refusals += 1;
      return true;
    },
    settled: async () => {
      const all = [...causes.values()].flatMap(({ waiting, recorded }) => [
        ...[...waiting.values()].map(({ start, done }) => (start(), done)),
        ...recorded.values(),
      ]);
      await Promise.all(all);
    },
  };
};
