import type { MemoryHolder } from '#src/kernel/catalogue/memory.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';

/** One account of the memory of all requests, so that a limit can depend on what others hold. See docs/decisions/0414. */
export type RequestMemory = {
  /** @param bytes returns what the holder has at the moment of the call */
  readonly count: (holder: MemoryHolder, bytes: () => number) => void;
  /** Bytes that these hold together. */
  readonly heldBy: (holders: readonly MemoryHolder[]) => number;
  /** Bytes that all hold together. */
  readonly total: () => number;
  /** Sets the gauges. */
  readonly collect: () => void;
};

export const createRequestMemory = ({ metrics }: { readonly metrics: Pick<Metrics, 'set'> }): RequestMemory => {
  const counts = new Map<MemoryHolder, () => number>();
  const heldBy = (holders: Iterable<MemoryHolder>): number => {
    let sum = 0;
    for (const holder of holders) sum += counts.get(holder)?.() ?? 0;
    return sum;
  };
  return {
    count: (holder, bytes) => void counts.set(holder, bytes),
    heldBy,
    total: () => heldBy(counts.keys()),
    collect: () => {
      for (const [holder, bytes] of counts) metrics.set('volwatch_request_memory_bytes', { holder }, bytes());
    },
  };
};
