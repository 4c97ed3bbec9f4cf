import type { ByteCount } from '#src/kernel/memory/byte-count.ts';
import type { FairQueue } from '../fair-queue.ts';
import type { WorkerExit } from '../worker-process.ts';
import type { LaneTask, Places } from './lane-task.ts';
import type { LargeTexts } from './large-texts.ts';

/** Why the service killed a process. */
export type KilledBecause = 'stalled' | 'cancelled' | 'recycled' | 'closed';

const endMessages = {
  stalled: 'a pricing worker makes no progress and is ended',
  cancelled: 'a pricing worker ignored its cancellation and is ended',
  ended: 'a pricing worker ended and is replaced',
} as const;

/** What the log says about the end of a process. */
export const endMessageOf = (killed: KilledBecause | undefined): string =>
  endMessages[killed === 'stalled' || killed === 'cancelled' ? killed : 'ended'];

export type LaneEvents = {
  /** A process ended. Not called if it was recycled or the lane is closed. `tasks` are the tasks that it had. */
  readonly onEnd: (tasks: readonly LaneTask[], exit: WorkerExit, killed: KilledBecause | undefined) => void;
  /** The system did not start a process. The next try follows after a pause. */
  readonly onStartError: (error: Error) => void;
  /** Tasks that no process takes, because none was started at several tries. */
  readonly onNotStarted: (tasks: readonly LaneTask[]) => void;
  /** Tasks that lost their place in the queue to a task that is run again. */
  readonly onDisplaced: (tasks: readonly LaneTask[]) => void;
  readonly onSuspicion: (suspected: boolean) => void;
  readonly onChange: () => void;
};

export type LaneOptions = LaneEvents & {
  readonly queue: FairQueue<LaneTask>;
  readonly largeTexts: LargeTexts;
  /** Counts answers from the head of their message, because several can arrive at the same time. */
  readonly arriving: ByteCount;
  readonly filename: string;
  readonly processes: number;
  readonly places: Places;
  readonly niceness: number;
  /** A process that was idle for 20 s and holds more memory than this is killed. The next task starts a new one. */
  readonly keptBytes: number;
  readonly heapMegabytes: number;
  readonly stallMs: number;
  readonly cancelGraceMs: number;
};
