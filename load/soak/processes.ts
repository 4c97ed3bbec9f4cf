import { readdirSync, readFileSync } from 'node:fs';

export const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

const residentBytes = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1_024;

/** In ticks of 10 ms. */
const processorSeconds = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
};

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
  mainBytes: residentBytes(pid),
  pricingBytes: childrenOf(pid).reduce((sum, child) => sum + residentBytes(child), 0),
  openFiles: readdirSync(`/proc/${pid}/fd`).length,
  processorSeconds: processorSeconds(pid),
});
