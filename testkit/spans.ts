import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace';
import type { ExecutionContext } from 'ava';

export type CapturedSpans = {
  /** Ended spans, oldest first. */
  readonly all: () => readonly ReadableSpan[];
  readonly named: (name: string) => readonly ReadableSpan[];
  readonly reset: () => void;
};

/** Registers a tracer for this test file's process that keeps every ended span; use serial tests, or tell spans apart. */
export const captureSpans = (t: Pick<ExecutionContext, 'teardown'>): CapturedSpans => {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(provider);
  t.teardown(async () => {
    trace.disable();
    context.disable();
    await provider.shutdown();
  });
  return {
    all: () => exporter.getFinishedSpans(),
    named: (name) => exporter.getFinishedSpans().filter((span) => span.name === name),
    reset: () => exporter.reset(),
  };
};
