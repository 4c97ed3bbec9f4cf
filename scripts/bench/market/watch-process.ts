import { monitorEventLoopDelay } from 'node:perf_hooks';
import { threadMs } from '#testkit/measures/thread-time.ts';

const mebibytes = (bytes: number): number => Math.round(bytes / 2 ** 20);

/** Watches the event loop and the memory of this process until `stop`. */
export const watchProcess = () => {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const residentBefore = mebibytes(process.memoryUsage.rss());
  let most = process.memoryUsage();
  let worked = threadMs();
  let workedMs = 0;
  const tick = setInterval(() => {
    const now = threadMs();
    workedMs = Math.max(workedMs, now - worked);
    worked = now;
  }, 1);
  const memory = setInterval(() => {
    const now = process.memoryUsage();
    if (now.rss > most.rss) most = now;
  }, 20);
  return {
    stop: () => {
      clearInterval(tick);
      clearInterval(memory);
      delay.disable();
      return {
        blockedMs: delay.max / 1e6,
        workedMs,
        residentBefore,
        resident: mebibytes(most.rss),
        /** The heap of V8 when most was resident: its pages, what is used of them, and what is outside of it. */
        heap: mebibytes(most.heapTotal),
        heapUsed: mebibytes(most.heapUsed),
        external: mebibytes(most.external),
      };
    },
  };
};
