import { context, ROOT_CONTEXT, trace, TraceFlags, type Context } from '@opentelemetry/api';
import {
  BatchSpanProcessor,
  RandomIdGenerator,
  type ReadableSpan,
  type Span,
  type SpanExporter,
  type SpanProcessor,
  type TimedEvent,
} from '@opentelemetry/sdk-trace';
import type { DropReason } from '../export/drop-counter.ts';
import { createExportQueue } from '../export/export-queue.ts';
import { redactAttributes, redactText } from '../logs/redaction.ts';

const redactEvent = (event: TimedEvent): TimedEvent => ({
  ...event,
  attributes: redactAttributes(event.attributes ?? {}),
});

/**
 * Returns the span with redacted attributes, events and status. The copy does not inherit from the span, because V8 gives
 * each prototype a hidden class of its own, and all code that uses spans would become slow.
 */
const redactSpan = (span: ReadableSpan): ReadableSpan => {
  const database = span.attributes['db.system.name'] !== undefined || span.attributes['db.system'] !== undefined;
  return {
    name: span.name,
    kind: span.kind,
    spanContext: () => span.spanContext(),
    ...(span.parentSpanContext && { parentSpanContext: span.parentSpanContext }),
    startTime: span.startTime,
    endTime: span.endTime,
    status:
      database || span.status.message === undefined
        ? { code: span.status.code }
        : { code: span.status.code, message: redactText(span.status.message) },
    attributes: redactAttributes(span.attributes),
    links: span.links,
    // Messages of a database driver can contain values. `error.type` and `db.response.status_code` describe the error.
    events: span.events.filter((event) => !(database && event.name === 'exception')).map(redactEvent),
    duration: span.duration,
    ended: span.ended,
    resource: span.resource,
    instrumentationScope: span.instrumentationScope,
    droppedAttributesCount: span.droppedAttributesCount,
    droppedEventsCount: span.droppedEventsCount,
    droppedLinksCount: span.droppedLinksCount,
  };
};

export type SpanPipelineDeps = {
  readonly exporter: SpanExporter;
  readonly maxQueueSize: number;
  readonly scheduledDelayMs: number;
  /** Default: 512 spans. */
  readonly maxBatchSize?: number;
  /** Default: 30 seconds. */
  readonly exportTimeoutMs?: number;
  readonly onDropped: (reason: DropReason, spans: number) => void;
  /** Is called after each export. */
  readonly onResult?: (succeeded: boolean) => void;
};

export type SpanPipeline = SpanProcessor & {
  /** Like `shutdown` with a timeout. Spans that are not exported in this time count as dropped. */
  readonly close: (timeoutMs: number) => Promise<void>;
};

/** Exports sampled spans in batches, redacted, and counts every lost span. */
export const createSpanPipeline = ({
  exporter,
  maxQueueSize,
  scheduledDelayMs,
  maxBatchSize = 512,
  exportTimeoutMs = 30_000,
  onDropped,
  onResult = () => {},
}: SpanPipelineDeps): SpanPipeline => {
  const queue = createExportQueue({ exporter, maxQueueSize, onDropped, onResult, prepare: redactSpan });
  const batches = new BatchSpanProcessor({
    maxQueueSize,
    scheduledDelayMillis: scheduledDelayMs,
    maxExportBatchSize: Math.min(maxBatchSize, maxQueueSize),
    exportTimeoutMillis: exportTimeoutMs,
    exporter: queue.exporter,
  });
  const close = (timeoutMs: number): Promise<void> => queue.close(timeoutMs, () => batches.shutdown());
  return {
    onStart: () => {},
    onEnd: (span) => {
      if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0 && queue.admit()) batches.onEnd(span);
    },
    forceFlush: () => batches.forceFlush(),
    shutdown: () => close(10_000),
    close,
  };
};

/** One pipeline for several exporters. Undefined without an exporter. */
export const combineSpanPipelines = (pipelines: readonly SpanPipeline[]): SpanPipeline | undefined => {
  if (pipelines.length <= 1) return pipelines[0];
  const all = async (work: (pipeline: SpanPipeline) => Promise<void>): Promise<void> => {
    await Promise.all(pipelines.map(work));
  };
  return {
    onStart: () => {},
    onEnd: (span) => pipelines.forEach((pipeline) => pipeline.onEnd(span)),
    forceFlush: () => all((pipeline) => pipeline.forceFlush()),
    shutdown: () => all((pipeline) => pipeline.shutdown()),
    close: (timeoutMs) => all((pipeline) => pipeline.close(timeoutMs)),
  };
};

export type SpanProbe = SpanProcessor & {
  readonly recordScopes: (work: () => Promise<void>) => Promise<ReadonlySet<string>>;
};

/**
 * A span processor before the pipeline. It records which instrumentations start spans in the trace of a probe, and does
 * not pass the end of these spans to `next`. The parent of the trace is remote and sampled, so that a sampling ratio
 * does not drop the spans.
 */
export const createSpanProbe = (next: SpanProcessor | undefined): SpanProbe => {
  const ids = new RandomIdGenerator();
  let probing: { readonly traceId: string; readonly scopes: Set<string> } | undefined;
  let traceId: string | undefined;
  return {
    onStart: (span: Span, parent: Context) => {
      if (probing !== undefined && span.spanContext().traceId === probing.traceId) {
        probing.scopes.add(span.instrumentationScope.name);
      }
      next?.onStart(span, parent);
    },
    onEnd: (span) => {
      if (traceId === undefined || span.spanContext().traceId !== traceId) next?.onEnd(span);
    },
    forceFlush: async () => next?.forceFlush(),
    shutdown: async () => next?.shutdown(),
    recordScopes: async (work) => {
      traceId = ids.generateTraceId();
      const scopes = new Set<string>();
      probing = { traceId, scopes };
      const parent = { traceId, spanId: ids.generateSpanId(), traceFlags: TraceFlags.SAMPLED, isRemote: true };
      await context.with(trace.setSpanContext(ROOT_CONTEXT, parent), work);
      probing = undefined;
      return scopes;
    },
  };
};
