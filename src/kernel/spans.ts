import { SpanStatusCode, trace, type Span, type SpanOptions, type Tracer } from '@opentelemetry/api';
import { codeOf, errorTable } from './catalogue/errors.ts';

const serverFault = 500;

/**
 * Starts a child of the active span. If the active span is not recorded, its children are not recorded either. Then the
 * active span itself is returned, because a new span would cost time and show nothing.
 */
export const startChildSpan = (tracer: Tracer, name: string): Span => {
  const active = trace.getActiveSpan();
  return active === undefined || active.isRecording() ? tracer.startSpan(name) : active;
};

/** Sets `error.type`, and the status ERROR if the code of the error is a 5xx. */
export const failSpan = (span: Span, error: unknown): void => {
  const code = codeOf(error);
  span.setAttribute('error.type', code);
  if (errorTable[code].status >= serverFault) span.setStatus({ code: SpanStatusCode.ERROR });
};

/** Runs `work` in the active span `name`, and marks the span if it fails. */
export const runInSpan = <T>(
  tracer: Tracer,
  name: string,
  options: SpanOptions,
  work: (span: Span) => Promise<T>,
): Promise<T> =>
  tracer.startActiveSpan(name, options, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      failSpan(span, error);
      throw error;
    } finally {
      span.end();
    }
  });
