import type { Logger } from '../../kernel/ports/logger.ts';

/** Sets gauges before metrics are read. It must have a timeout, because a scrape waits for it. */
export type Collector = () => void | Promise<unknown>;

export type CollectAllDeps = { readonly collectors: readonly Collector[]; readonly logger: Logger };

/** Runs all collectors, one after the other. If one throws, the error is logged and the others run. */
export const createCollectAll =
  ({ collectors, logger }: CollectAllDeps): (() => Promise<void>) =>
  async () => {
    for (const collect of collectors) {
      try {
        await collect();
      } catch (error) {
        logger.warn({ error }, 'a metrics collector failed');
      }
    }
  };
