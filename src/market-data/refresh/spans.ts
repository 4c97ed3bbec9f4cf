import { SpanStatusCode, trace } from '@opentelemetry/api';
import type { Span, SpanOptions } from '@opentelemetry/api';
import { codeOf, errorTable } from '#src/kernel/catalogue/errors.ts';

const serverFault = 500;

/** Runs `work` in the active span `name`. A failure sets `error.type`, and the status ERROR if its code is a 5xx. */
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

/** Sets `error.type` and the status of a span, for an error that is not thrown further. */
export const failSpan = (span: Span, error: unknown): void => {
  const code = codeOf(error);
  span.setAttribute('error.type', code);
  if (errorTable[code].status >= serverFault) span.setStatus({ code: SpanStatusCode.ERROR });
};
