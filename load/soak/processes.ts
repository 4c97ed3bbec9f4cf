import { readdirSync } from 'node:fs';
import { childrenOf, memoryBytesOf, statOf } from '#testkit/measures/processes.ts';

export type ProcessSample = {
  readonly mainBytes: number;
  /** All pricing processes together. */
  readonly pricingBytes: number;
  readonly openFiles: number;
  /** Of the main process, since its start. */
  readonly processorSeconds: number;
};

/** @throws Error if a pricing process ends meanwhile; the next sample succeeds */
export const sampleProcesses = (pid: number): ProcessSample => ({
  mainBytes: memoryBytesOf(pid),
  pricingBytes: childrenOf(pid).reduce((sum, child) => sum + memoryBytesOf(child), 0),
  openFiles: readdirSync(`/proc/${pid}/fd`).length,
  processorSeconds: statOf(pid).processorSeconds,
});
