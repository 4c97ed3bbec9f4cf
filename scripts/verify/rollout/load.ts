import { setTimeout as sleep } from 'node:timers/promises';

export type Request = { readonly name: string; readonly path: string; readonly options?: RequestInit };

type Outcome = { readonly name: string; readonly status: number | string; readonly durationMs: number };

export type Load = {
  /** Ends the load and waits for requests in progress. */
  readonly stop: () => Promise<void>;
  readonly outcomes: readonly Outcome[];
  /** Requests by instance and second, to see which versions answered at the same time. */
  readonly instances: ReadonlyMap<string, number>;
};

const turnMs = 50;
const timeoutMs = 15_000;

/** Sends requests at a fixed rate, whatever the answers are. A status that is not expected counts as failed. */
export const startLoad = (url: string, requests: readonly Request[], perSecond: number): Load => {
  const outcomes: Outcome[] = [];
  const instances = new Map<string, number>();
  const inProgress = new Set<Promise<void>>();
  const stopped = new AbortController();
  let sent = 0;

  const send = async ({ name, path, options }: Request): Promise<void> => {
    const started = performance.now();
    let status: number | string;
    try {
      const response = await fetch(`${url}${path}`, { ...options, signal: AbortSignal.timeout(timeoutMs) });
      await response.arrayBuffer();
      status = response.status;
      const instance = response.headers.get('x-instance') ?? 'none';
      instances.set(instance, (instances.get(instance) ?? 0) + 1);
    } catch (error) {
      status = error instanceof Error ? [error.message, error.cause].filter(Boolean).join(': ') : String(error);
    }
    outcomes.push({ name, status, durationMs: performance.now() - started });
  };

  const run = async (): Promise<void> => {
    const started = performance.now();
    while (!stopped.signal.aborted) {
      // After a late turn the missing requests are sent too, so that the rate holds.
      const due = Math.floor(((performance.now() - started) / 1_000) * perSecond);
      for (; sent < due; sent += 1) {
        const request = send(requests[sent % requests.length]!);
        inProgress.add(request);
        void request.finally(() => inProgress.delete(request));
      }
      await sleep(turnMs);
    }
  };
  const loop = run();
  return {
    outcomes,
    instances,
    stop: async () => {
      stopped.abort();
      await loop;
      await Promise.all(inProgress);
    },
  };
};

/** The value below which this share of the durations is. */
export const percentile = (outcomes: readonly Outcome[], share: number): number => {
  const sorted = outcomes.map(({ durationMs }) => durationMs).sort((one, other) => one - other);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
};
