import { SpanStatusCode, trace } from '@opentelemetry/api';
import type { Span, SpanOptions } from '@opentelemetry/api';
import { codeOf, errorTable } from '#src/kernel/errors.ts';

const serverFault = 500;

/** Runs `work` as the active span `name`; a failure leaves `error.type`, and status ERROR when its code is a 5xx. */
export const inSpan = <T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T> =>
  trace.getTracer('volwatch.market-data').startActiveSpan(name, options, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      failSpan(span, error);
      throw error;
    } finally {
      span.end();
    }
  });

/** Marks a span whose failure is not thrown on. */
export const failSpan = (span: Span, error: unknown): void => {
  const code = codeOf(error);
  span.setAttribute('error.type', code);
  if (errorTable[code].status >= serverFault) span.setStatus({ code: SpanStatusCode.ERROR });
};
