import { createMovedCallers } from '../../batch/moved-callers.ts';
import type { PoolTask } from '../worker-task.ts';
import { shortRowMs, type LaneName } from './lane-limits.ts';
import { rowMsOf, type LaneTask } from './lane-task.ts';

type Owner = Pick<LaneTask, 'kind' | 'caller'>;
const markOf = ({ kind, caller }: Owner): string => `${kind} ${caller}`;

/**
 * Remembers callers whose work took several times its estimate, by the kind of the work. Their next work of this kind does not go beside short
 * work.
 */
export const createUnderestimated = (shortWorkMs: number) => {
  const callers = createMovedCallers({ monotonic: () => performance.now() });
  return {
    laneFor: (owner: Owner, wanted: LaneName): LaneName =>
      wanted === 'short' && callers.has(markOf(owner)) ? 'medium' : wanted,
    /** Marks the caller of a task with a low estimate. The work of others was known to be long, or to be uncertain. */
    mark: (task: PoolTask): void => {
      const { lane, summary } = task;
      if (lane !== 'short' || (summary?.totalMs ?? 0) > shortWorkMs || summary?.isUncertain) return;
      if (rowMsOf(task) > shortRowMs(shortWorkMs)) return;
      // One line for each caller and minute.
      if (!callers.has(markOf(task))) task.log('warn', {}, 'a calculation takes several times its estimate');
      callers.add(markOf(task));
    },
  };
};
