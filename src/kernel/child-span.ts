import { trace, type Span, type Tracer } from '@opentelemetry/api';

/**
 * A span below the active one. Where that is not recorded its children would not be either: it stands in for them, and
 * the request is spared the making of a span that nobody sees.
 */
export const startChildSpan = (tracer: Tracer, name: string): Span => {
  const active = trace.getActiveSpan();
  return active === undefined || active.isRecording() ? tracer.startSpan(name) : active;
};
