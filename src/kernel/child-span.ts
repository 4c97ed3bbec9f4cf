import { trace, type Span, type Tracer } from '@opentelemetry/api';

/**
 * Starts a child of the active span. If the active span is not recorded, its children are not recorded either. Then the
 * active span itself is returned, because a new span would cost time and show nothing.
 */
export const startChildSpan = (tracer: Tracer, name: string): Span => {
  const active = trace.getActiveSpan();
  return active === undefined || active.isRecording() ? tracer.startSpan(name) : active;
};
