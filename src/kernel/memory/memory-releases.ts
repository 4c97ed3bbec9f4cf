import { memoryReleases, type MemoryRelease } from '#src/kernel/catalogue/memory.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { createCollectGarbage, type CollectGarbage } from './collect-garbage.ts';
import { createGiveBackPages, type GiveBackPages } from './free-pages.ts';

type MemoryReleases = { readonly collect: CollectGarbage; readonly giveBackPages: GiveBackPages };

/** The ways in which the service makes memory free. Each holds the event loop, so its duration is measured. */
export const createMemoryReleases = ({ metrics }: { readonly metrics: Pick<Metrics, 'count'> }): MemoryReleases => {
  const measure = (action: MemoryRelease, release: () => void): void => {
    const begun = performance.now();
    release();
    metrics.count('volwatch_memory_release_seconds_total', { action }, (performance.now() - begun) / 1_000);
  };
  // The series must exist from the start, because `rate()` does not see the first value of a new series.
  for (const action of memoryReleases) metrics.count('volwatch_memory_release_seconds_total', { action }, 0);
  const collect = createCollectGarbage();
  return {
    collect: (flavor) => measure('collection', () => collect(flavor)),
    giveBackPages: createGiveBackPages((giveBack) => measure('free_pages', giveBack)),
  };
};
