import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { HealthReading } from '#src/kernel/ports/health.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import { refuse, type PoolTask } from '../worker-task.ts';
import { endMessageOf, type LaneEvents } from './lane-options.ts';

export type LaneEventsDeps = {
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly stallMs: number;
};

const retryAfter = 1;
/** Time for which the health check reports `degraded` after a process ended or was not started. */
const memoryMs = 3_000;

/** Reports what happens to the processes of all lanes, and refuses the tasks that no process takes. */
export const createLaneEvents = ({ metrics, logger, stallMs }: LaneEventsDeps) => {
  let restartedAt = Number.NEGATIVE_INFINITY;
  let notStartedAt = Number.NEGATIVE_INFINITY;
  let suspects = 0;
  // Starts the counters at 0, because an alert rule does not see an increase from no value to 1.
  metrics.count('volwatch_workers_restarts_total', {}, 0);
  metrics.count('volwatch_workers_start_failures_total', {}, 0);
  const refuseAll = (tasks: readonly unknown[], detail: string): void => {
    const error = new AppError('overloaded', detail, { retryAfter });
    for (const task of tasks) refuse(task as PoolTask, error);
  };

  return {
    onEnd: (tasks, exit, killed) => {
      restartedAt = performance.now();
      metrics.count('volwatch_workers_restarts_total', {});
      const message = endMessageOf(killed);
      const fields = { exit_code: exit.code, signal: exit.signal, fatal: exit.fatal, stall_ms: stallMs };
      if (tasks.length === 0) logger.error(fields, message);
      for (const task of tasks) (task as PoolTask).log('error', fields, message);
    },
    // Each lane tries once in a second at most, so these lines are few.
    onStartError: (error) => {
      notStartedAt = performance.now();
      metrics.count('volwatch_workers_start_failures_total', {});
      logger.error({ err: error }, 'the system did not start a pricing worker');
    },
    onNotStarted: (tasks) => refuseAll(tasks, 'The system starts no worker for this at the moment'),
    onDisplaced: (tasks) => refuseAll(tasks, 'Too many batches wait for a worker'),
    onSuspicion: (suspected) => void (suspects += suspected ? 1 : -1),
    /** What the health check says of the processes. */
    health: (): HealthReading => {
      const since = performance.now() - memoryMs;
      if (suspects > 0) return { status: 'degraded', detail: 'a worker makes no progress' };
      if (notStartedAt > since)
        return { status: 'degraded', detail: 'a worker could not be started within the last seconds' };
      if (restartedAt > since) return { status: 'degraded', detail: 'a worker ended within the last seconds' };
      return { status: 'up' };
    },
  } satisfies Omit<LaneEvents, 'onChange'> & { readonly health: () => HealthReading };
};
