import { ExportResultCode, type ExportResult } from '@opentelemetry/core';
import type { DropReason } from './drop-counter.ts';
import { within } from '#src/kernel/abort.ts';

type Exporter<Item> = {
  readonly export: (items: Item[], done: (result: ExportResult) => void) => void;
  readonly shutdown: () => Promise<void>;
  readonly forceFlush?: () => Promise<void>;
};

export type ExportQueueDeps<Item> = {
  readonly exporter: Exporter<Item>;
  readonly maxQueueSize: number;
  readonly onDropped: (reason: DropReason, items: number) => void;
  /** Is called after each export. */
  readonly onResult?: (succeeded: boolean) => void;
  /** Is called for each item before its export, outside of any request. Default: the item itself. */
  readonly prepare?: (item: Item) => Item;
};

export type ExportQueue<Item> = {
  /** The exporter for the batch processor of the SDK. */
  readonly exporter: Required<Exporter<Item>>;
  /** Whether the batch processor must get one more item. Counts it as dropped otherwise. */
  readonly admit: () => boolean;
  /** Ends the processor. Items that are not exported within `timeoutMs` count as dropped. */
  readonly close: (timeoutMs: number, shutdown: () => Promise<void>) => Promise<void>;
};

/** Max items that are prepared and encoded in one turn of the event loop. 512 spans took 6 ms, which each request of that time waited. */
const maxItemsPerTurn = 128;

/**
 * Counts each item that a batch processor of the SDK loses, because the processors do not report what they drop. So the
 * length of their queue is computed here: items that they received minus items that they exported.
 */
export const createExportQueue = <Item>(deps: ExportQueueDeps<Item>): ExportQueue<Item> => {
  const { exporter, maxQueueSize, onDropped, onResult = () => {}, prepare } = deps;
  let queued = 0;
  let exporting = 0;
  let closed = false;
  return {
    exporter: {
      export: (items, done) => {
        queued -= items.length;
        exporting += items.length;
        let unanswered = items.length;
        let failure: ExportResult | undefined;
        const exportFrom = (start: number): void => {
          const part = items.slice(start, start + maxItemsPerTurn);
          exporter.export(prepare ? part.map(prepare) : part, (result) => {
            exporting -= part.length;
            unanswered -= part.length;
            const succeeded = result.code === ExportResultCode.SUCCESS;
            if (!succeeded) failure ??= result;
            if (!succeeded && !closed) onDropped('export_failed', part.length);
            if (!closed) onResult(succeeded);
            if (unanswered === 0) done(failure ?? result);
          });
          const next = start + maxItemsPerTurn;
          // The parts do not wait for the answers of earlier ones, because a distant receiver takes long to answer each.
          if (next < items.length) setImmediate(exportFrom, next);
        };
        exportFrom(0);
      },
      shutdown: () => exporter.shutdown(),
      forceFlush: async () => exporter.forceFlush?.(),
    },
    admit: () => {
      if (closed) onDropped('shutdown', 1);
      else if (queued >= maxQueueSize) onDropped('queue_full', 1);
      else {
        queued += 1;
        return true;
      }
      return false;
    },
    close: async (timeoutMs, shutdown) => {
      if (closed) return;
      await within(timeoutMs, shutdown());
      closed = true;
      if (queued + exporting > 0) onDropped('shutdown', queued + exporting);
    },
  };
};
