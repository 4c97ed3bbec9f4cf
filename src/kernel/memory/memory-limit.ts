import { totalmem } from 'node:os';

/** The bytes that the container of this process may use, or those of the machine. */
export const memoryLimit = (
  containerBytes = process.constrainedMemory(),
  machineBytes = totalmem(),
  // 0 or more than the machine has: there is no limit.
): number => (containerBytes > 0 ? Math.min(containerBytes, machineBytes) : machineBytes);
