import type { KilledBecause } from './lane-options.ts';
import type { LaneTask, OpenTask, Places } from './lane-task.ts';
import { coldMs } from './task-times.ts';
import type { SentFrame } from '../channel/frame-writer.ts';
import type { StallWatch } from '../stall-watch.ts';
import type { WorkerProcess } from '../worker-process.ts';

/** A process of a lane. */
export type Member = {
  readonly process: WorkerProcess;
  readonly open: Map<number, OpenTask>;
  readonly stall: StallWatch;
  readonly exited: Promise<void>;
  killed?: KilledBecause;
  isReady: boolean;
  /** Of its tasks since it was idle. */
  maxTurnMs: number;
  /** Time of all its work. */
  workedMs: number;
  residentBytes: number;
  idleTimer?: NodeJS.Timeout | undefined;
};

/** The processes with a free place, the one with the fewest tasks first. */
export const membersWithPlace = (members: Iterable<Member>, { all }: Pick<Places, 'all'>): readonly Member[] =>
  [...members]
    .filter(
      ({ open, killed }) =>
        killed === undefined && open.size < all && !open.values().some(({ task }) => task.runsAlone),
    )
    .toSorted((a, b) => a.open.size - b.open.size);

/** A task that was sent to a process. */
export const openedBy = ({ workedMs }: Member, task: LaneTask, frame: SentFrame): OpenTask => ({
  task,
  frame,
  isCold: workedMs < coldMs,
  isStarted: false,
  isCancelled: false,
  workedMs: 0,
  countedMs: task.expectedMs,
});

/** The min sum of the weights of the open tasks of one process. */
export const minLoadOf = (members: ReadonlySet<Member>, weight: (task: LaneTask) => number): number =>
  Math.min(...members.values().map(({ open }) => open.values().reduce((sum, { task }) => sum + weight(task), 0)));
