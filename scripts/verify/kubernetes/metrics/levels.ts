import { jobQueues } from '#src/kernel/ports/jobs.ts';

/** A load as the metrics of the service show it. The pods of the API share it evenly. */
export type Level = {
  /** p99 of the lag of the event loop, times the number of pods of the API. */
  readonly lagSeconds: number;
  /** Jobs that wait, in one queue. */
  readonly waiting: number;
  /** Processor time of the API, in requests of one pod. */
  readonly cpu: number;
};

export const quiet: Level = { lagSeconds: 0.024, waiting: 3, cpu: 0.2 };

type Scraped = { readonly name: string; readonly role: string };

/** @returns the metrics of all pods in the text format of Prometheus, with the labels that the ServiceMonitor adds */
export const expositionText = ({ lagSeconds, waiting }: Level, namespace: string, pods: readonly Scraped[]): string => {
  const [busiest, ...others] = jobQueues;
  const lag = lagSeconds / pods.filter(({ role }) => role === 'api').length;
  const lines = pods.flatMap(({ name, role }) => {
    const labels = `job="volwatch",namespace="${namespace}",service="volwatch-${role}-metrics",pod="${name}"`;
    const size = (queue: string, state: string, value: number): string =>
      `volwatch_jobs_queue_size{${labels},queue="${queue}",state="${state}"} ${value}`;
    return [
      ...(role === 'api' ? [`nodejs_eventloop_lag_p99_seconds{${labels}} ${lag}`] : []),
      // Each process reports the jobs of all processes. Jobs in progress do not wait.
      size(busiest, 'waiting', waiting),
      size(busiest, 'active', 4),
      ...others.map((queue) => size(queue, 'waiting', 0)),
    ];
  });
  // Lines of one metric must follow each other.
  return `${lines.toSorted().join('\n')}\n`;
};
