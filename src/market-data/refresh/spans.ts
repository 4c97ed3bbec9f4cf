import { trace, type Span, type SpanOptions } from '@opentelemetry/api';
import { runInSpan } from '#src/kernel/spans.ts';

/** Runs `work` in the active span `name` of this room. */
export const inSpan = <T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T> =>
  runInSpan(trace.getTracer('volwatch.market-data'), name, options, work);
