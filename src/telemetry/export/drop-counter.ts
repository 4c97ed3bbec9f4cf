export type TelemetrySignal = 'traces' | 'metrics' | 'logs';
/** The reason why items were lost: the label `reason` of `volwatch_telemetry_dropped_total`. */
export type DropReason = 'queue_full' | 'export_failed' | 'shutdown';
/** Items are spans, data points or log lines. */
export type DropListener = (signal: TelemetrySignal, reason: DropReason, items: number) => void;

export type DropCounter = { readonly record: DropListener; readonly subscribe: (listener: DropListener) => void };

/** Counts lost items until a listener subscribes, because the preload starts long before the metrics exist. */
export const createDropCounter = (): DropCounter => {
  const before = new Map<string, Parameters<DropListener>>();
  let listener: DropListener | undefined;
  return {
    record: (signal, reason, items) => {
      if (listener) return listener(signal, reason, items);
      const key = `${signal} ${reason}`;
      before.set(key, [signal, reason, (before.get(key)?.[2] ?? 0) + items]);
    },
    subscribe: (subscriber) => {
      listener = subscriber;
      for (const dropped of before.values()) subscriber(...dropped);
      before.clear();
    },
  };
};
