import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Repeats `work` until the returned function is called. Errors of `work` are ignored, because the fault causes them.
 */
export const repeatedly = (work: () => Promise<unknown>, everyMs: number): (() => Promise<void>) => {
  const stopping = new AbortController();
  const loop = (async () => {
    while (!stopping.signal.aborted) {
      await work().catch(() => {});
      await sleep(everyMs);
    }
  })();
  return async () => {
    stopping.abort();
    await loop;
  };
};
