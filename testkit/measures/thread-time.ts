/**
 * Processor time of the calling thread in milliseconds. Linux adds the time of a running thread to its sum at each clock
 * tick only, so a step of 5 ms reads as 4 or 8 ms. Reading the time of the process brings the sum of the calling thread up
 * to date first.
 */
export const threadMs = (): number => {
  process.cpuUsage();
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};
