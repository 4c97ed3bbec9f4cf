import { createRecentUse } from '#src/kernel/requests/callers/recent-use.ts';
import { createCallerTurns } from './caller-turns.ts';

/** A client waits for a single option or a batch, and nobody waits for a job. */
export type WorkKind = 'single' | 'batch' | 'job';

export type Waiting = {
  readonly caller: string;
  /** The network of the caller, which can have many callers. Undefined for work that nobody waits for. */
  readonly network?: string | undefined;
  readonly kind: WorkKind;
  readonly bytes: number;
  /** Expected time of the work. `charge` corrects it. */
  readonly expectedMs: number;
};

export type FairQueue<T extends Waiting> = {
  /**
   * Adds a task. In a full queue it replaces tasks of the network that waits for most; if no network waits for more than its own, tasks of
   * other callers that come after it in the order. If only the bytes are full, the network with most bytes waits for most.
   * @returns the tasks that lost their place: other tasks, or the new task itself
   */
  readonly add: (task: T) => T[];
  /** Returns the next task. While the first task of a caller is not `eligible`, its other tasks wait too. */
  readonly first: (eligible: (task: T) => boolean) => T | undefined;
  /** Removes and returns the next task. While the first task of a caller is not `eligible`, its other tasks wait too. */
  readonly take: (eligible?: (task: T) => boolean) => T | undefined;
  readonly remove: (task: T) => boolean;
  /** Removes and returns all tasks. No time is counted for their callers, because they are not run. */
  readonly clear: () => T[];
  /** Corrects the time of a task that was taken: it takes `milliseconds` more than expected, or less if negative. */
  readonly charge: (task: T, milliseconds: number) => void;
  /**
   * The common time passes, because work was done for `milliseconds` while the callers of `open` had tasks in progress. An
   * estimate must not pass it, because work that is refused or cancelled is never done.
   */
  readonly pass: (milliseconds: number, open: Iterable<Waiting>) => void;
  /** Whether a waiting task fits `condition`. */
  readonly has: (condition: (task: T) => boolean) => boolean;
  readonly size: () => number;
};

export type FairQueueOptions = {
  readonly maxTasks: number;
  /** Max bytes of the bodies of all waiting tasks. */
  readonly maxBytes: number;
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number;
};

/** The waiting tasks of one caller and kind, in the order of their arrival. `start` is the position of the first one. */
type Flow<T> = { readonly key: string; readonly tasks: T[]; start: number };
/** A task with the position of its end, which decides the order. */
type Place<T> = { readonly task: T; readonly end: number };

/** Work without a network counts as work of one network: the service itself. */
const networkOf = ({ network = 'service' }: Waiting): string => network;
/** The size of what each network has. */
const sumsOf = <T extends Waiting>(tasks: readonly T[], sizeOf: (task: T) => number): Map<string, number> => {
  const sums = new Map<string, number>();
  for (const task of tasks) sums.set(networkOf(task), (sums.get(networkOf(task)) ?? 0) + sizeOf(task));
  return sums;
};
/** The single options of a caller do not wait for its batches. */
const keyOf = ({ kind, caller }: Waiting): string => `${kind} ${caller}`;
/**
 * The share of the time that the tasks of a caller and kind get, relative to others. That of jobs is small but not zero: a
 * few callers with batches at all times would otherwise stop the jobs of everybody.
 */
const shareOf = ({ kind }: Pick<Waiting, 'kind'>): number => (kind === 'job' ? 0.25 : 1);
/** How far `milliseconds` of work move the position of its caller. */
const distance = (task: Waiting, milliseconds: number): number => milliseconds / shareOf(task);
/**
 * Max delay of a task because of the recent work for its network. A network that had all processes for minutes waits no longer than that when
 * another one comes.
 */
const maxDelayMs = 1_000;
/** Recent work that does not count: of a client with a batch every few seconds. Otherwise each network that is new would come before it. */
const freeMs = 400;
/** More recent work than another network by so much is a reason to lose a place in a full queue. */
const minDifferenceMs = 100;
/** A task counts as at least so much work of its network, because many short ones take the places of others. */
const minCountedMs = 20;
const compare = <T extends Waiting>(a: Place<T>, b: Place<T>): number => a.end - b.end;

/**
 * A queue that shares time fairly among callers. Tasks of one caller and kind keep the order of their arrival. Between
 * callers, the task is next that would end first if all callers were served at once with their shares of the time. So
 * short tasks come before long ones, and a caller with many tasks does not delay the others. A waiting task keeps its
 * position while the common time passes it, so no task waits forever. The recent work for a network delays the tasks of
 * all its callers. So a new caller of a busy network does not come before others, and networks with little work come first when many are busy.
 */
export const createFairQueue = <T extends Waiting>({
  maxTasks,
  maxBytes,
  now = () => performance.now(),
}: FairQueueOptions): FairQueue<T> => {
  const flows = new Map<string, Flow<T>>();
  const turns = createCallerTurns();
  /** In milliseconds. */
  const recent = createRecentUse({ now });
  let count = 0;
  let bytes = 0;

  const startOf = ({ tasks: [first], start }: Flow<T>): number =>
    first?.network === undefined ? start : start + Math.min(maxDelayMs, Math.max(0, recent.of(first.network) - freeMs));
  const use = ({ network }: T, milliseconds: number): void => {
    if (network !== undefined) recent.add(network, milliseconds);
  };
  const placesOf = (flow: Flow<T>): Place<T>[] => {
    const { tasks } = flow;
    let end = startOf(flow);
    return tasks.map((task) => ({ task, end: (end += distance(task, task.expectedMs)) }));
  };
  const flowOf = (task: T): Flow<T> => {
    const key = keyOf(task);
    return flows.get(key) ?? { key, tasks: [], start: turns.of(key) };
  };
  const placeOfNew = (task: T): Place<T> => {
    const flow = flowOf(task);
    return placesOf({ ...flow, tasks: [...flow.tasks, task] }).at(-1)!;
  };
  const insert = (task: T): void => {
    const flow = flowOf(task);
    flow.tasks.push(task);
    flows.set(flow.key, flow);
    count += 1;
    bytes += task.bytes;
  };
  const remove = (task: T): boolean => {
    const { key, tasks, start } = flowOf(task);
    const index = tasks.indexOf(task);
    if (index < 0) return false;
    tasks.splice(index, 1);
    count -= 1;
    bytes -= task.bytes;
    if (tasks.length > 0) return true;
    flows.delete(key);
    turns.set(key, start);
    return true;
  };

  const first = (eligible: (task: T) => boolean): T | undefined => {
    let next: Place<T> | undefined;
    for (const flow of flows.values()) {
      const [task] = flow.tasks as [T];
      if (!eligible(task)) continue;
      const place = { task, end: startOf(flow) + distance(task, task.expectedMs) };
      if (next === undefined || compare(place, next) < 0) next = place;
    }
    return next?.task;
  };

  /** The last place of the network with most recent work, if that is at least `minMs`; otherwise -1. */
  const lastOfBusiest = (places: readonly Place<T>[], minMs: number): number => {
    let [busiest, max] = [-1, minMs];
    for (const [index, { task }] of places.entries()) {
      const work = recent.of(networkOf(task));
      if (work >= max) [busiest, max] = [index, work];
    }
    return busiest;
  };

  const isFullFor = (task: T): boolean => count >= maxTasks || bytes + task.bytes > maxBytes;
  /**
   * Finds the place that `task` takes when `sizeOf` is the measure of what is full: the last one of the network with most; else one that
   * comes after it in the order; else, if its network waits for nothing, the last one of the network with most recent work.
   */
  const replaceable = (task: T, places: readonly Place<T>[], sizeOf: (other: T) => number): number => {
    const used = sumsOf(
      places.map((each) => each.task),
      sizeOf,
    );
    const before = used.get(networkOf(task)) ?? 0;
    const max = Math.max(...used.values());
    if (max > before + sizeOf(task)) return places.findLastIndex((other) => used.get(networkOf(other.task)) === max);
    const place = placeOfNew(task);
    const own = recent.of(networkOf(task));
    const later = places.findLastIndex(
      (other) =>
        used.get(networkOf(other.task))! >= before &&
        other.task.caller !== task.caller &&
        compare(place, other) < 0 &&
        // Otherwise networks with much recent work would take the places of others by tasks that look short.
        recent.of(networkOf(other.task)) > own - minDifferenceMs,
    );
    return later >= 0 || before > 0 ? later : lastOfBusiest(places, own + minDifferenceMs);
  };
  /** @returns the tasks that `task` replaces, or undefined if it must not replace enough of them */
  const replacedBy = (task: T): T[] | undefined => {
    const places = [...flows.values()].flatMap(placesOf).toSorted(compare);
    const replaced: T[] = [];
    let freedBytes = 0;
    for (;;) {
      const isFull = count - replaced.length >= maxTasks;
      if (!isFull && bytes - freedBytes + task.bytes <= maxBytes) return replaced;
      const index = replaceable(task, places, isFull ? () => 1 : (other) => other.bytes);
      if (index < 0) return undefined;
      const [last] = places.splice(index, 1) as [Place<T>];
      replaced.push(last.task);
      freedBytes += last.task.bytes;
    }
  };

  return {
    add: (task) => {
      const replaced = isFullFor(task) ? replacedBy(task) : [];
      if (replaced === undefined) return [task];
      for (const other of replaced) remove(other);
      insert(task);
      return replaced;
    },
    first,
    take: (eligible = () => true) => {
      const task = first(eligible);
      if (task === undefined) return undefined;
      const firstStart = Math.min(...flows.values().map(({ start }) => start));
      turns.reach(firstStart);
      flowOf(task).start += distance(task, task.expectedMs);
      use(task, Math.max(minCountedMs, task.expectedMs));
      remove(task);
      return task;
    },
    remove,
    clear: () => {
      const tasks = [...flows.values()].flatMap((flow) => flow.tasks);
      for (const task of tasks) remove(task);
      return tasks;
    },
    charge: (task, milliseconds) => {
      const flow = flowOf(task);
      flow.start += distance(task, milliseconds);
      use(task, milliseconds);
      if (flow.tasks.length === 0) turns.set(flow.key, flow.start);
    },
    pass: (milliseconds, open) => {
      const active = new Map([...flows].map(([key, { tasks }]) => [key, shareOf(tasks[0]!)]));
      for (const task of open) active.set(keyOf(task), shareOf(task));
      const shares = active.values().reduce((sum, share) => sum + share, 0);
      turns.pass(milliseconds / Math.max(1, shares));
    },
    has: (condition) => flows.values().some(({ tasks }) => tasks.some(condition)),
    size: () => count,
  };
};
