import { setTimeout as sleep } from 'node:timers/promises';
import { fillHeapOnSignal } from '#testkit/memory.ts';
import { startService, type Service } from '#testkit/service.ts';
import type { Scope } from '#testkit/scope.ts';

type Settings = Readonly<Record<string, string>>;

export type Instances = {
  /** The service process that runs now, on the ports of the world. */
  readonly service: () => Service;
  /** Addresses of the instances that get requests, as a load balancer would know them. */
  readonly urls: () => readonly string[];
  /** Whether a current process or an earlier one logged a line of the trace. */
  readonly logged: (traceId: string) => boolean;
  /** The value of a variable of the service. */
  readonly setting: (name: string) => string;
  /** Waits until the process has ended, then starts it on the same ports. The settings stay for later processes. */
  readonly restart: (settings?: Settings) => Promise<void>;
  /** Takes the instance out of `urls`, ends it, and starts it with other settings. Needs a second instance. */
  readonly replace: (settings: Settings) => Promise<void>;
  /** Starts a second instance on the same dependencies. @returns its URL */
  readonly startBeside: (settings?: Settings) => Promise<string>;
  /** Takes the second instance out of `urls` and ends it, if there is one. */
  readonly stopBeside: () => Promise<void>;
};

/** Time in which requests that know the old addresses are finished. */
const leaveMs = 1_000;
const stopGraceMs = 15_000;
/** The world starts a dozen programs on one machine at the same time, and no cell measures the start. */
const startTimeoutMs = 120_000;

export const startInstances = async (scope: Scope, initial: Settings): Promise<Instances> => {
  let environment = initial;
  let current: Service;
  let isInService = false;
  let beside: Service | undefined;
  const processes: Service[] = [];
  const start = async (): Promise<void> => {
    current = await startService({ environment, nodeArguments: ['--import', fillHeapOnSignal], startTimeoutMs });
    processes.push(current);
    await current.ready(startTimeoutMs);
    isInService = true;
  };
  const stopBeside = async (): Promise<void> => {
    const leaving = beside;
    beside = undefined;
    if (!leaving) return;
    await sleep(leaveMs);
    await leaving.stop(stopGraceMs);
  };
  scope.teardown(async () => {
    // Also after a failed start, which leaves no current instance.
    for (const each of processes.toReversed()) await each.stop(5_000);
  });
  await start();
  return {
    service: () => current,
    urls: () => [...(isInService ? [current.url] : []), ...(beside ? [beside.url] : [])],
    logged: (traceId) => processes.some(({ log }) => log.some(({ trace_id: id }) => id === traceId)),
    setting: (name) => environment[name] ?? '',
    restart: async (settings = {}) => {
      await current.exited;
      environment = { ...environment, ...settings };
      await start();
    },
    replace: async (settings) => {
      if (!beside) throw new Error('No second instance answers while the first one is replaced');
      isInService = false;
      environment = { ...environment, ...settings };
      await sleep(leaveMs);
      await current.stop(stopGraceMs);
      await start();
    },
    startBeside: async (settings = {}) => {
      const started = await startService({
        environment: { ...environment, ...settings, PORT: '0', METRICS_PORT: '0' },
      });
      processes.push(started);
      await started.ready();
      beside = started;
      return started.url;
    },
    stopBeside,
  };
};
