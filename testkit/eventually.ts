import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 20;

/**
 * Polls `condition` until it is true.
 * @param awaited what the test waits for; part of the error message
 * @throws Error if the condition is still false after `timeoutMs`
 */
export const eventually = async (
  condition: () => boolean | Promise<boolean>,
  awaited: string,
  timeoutMs = 15_000,
): Promise<void> => {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() >= deadline) throw new Error(`Not within ${timeoutMs} ms: ${awaited}`);
    await sleep(pollMs);
  }
};
