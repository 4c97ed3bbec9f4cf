import { monitorEventLoopDelay } from 'node:perf_hooks';

const mebibytes = (): number => Math.round(process.memoryUsage.rss() / 2 ** 20);
const threadMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};

/** Watches the event loop and the memory of this process until `stop`. */
export const watchProcess = () => {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const residentBefore = mebibytes();
  let resident = residentBefore;
  let worked = threadMs();
  let workedMs = 0;
  const tick = setInterval(() => {
    const now = threadMs();
    workedMs = Math.max(workedMs, now - worked);
    worked = now;
  }, 1);
  const memory = setInterval(() => (resident = Math.max(resident, mebibytes())), 20);
  return {
    stop: () => {
      clearInterval(tick);
      clearInterval(memory);
      delay.disable();
      return { blockedMs: delay.max / 1e6, workedMs, residentBefore, resident };
    },
  };
};
